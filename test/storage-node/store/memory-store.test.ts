import { memoryStore } from '../../../src/storage-node/store/memory-store.ts'
import { storeContract } from '../../contracts/store.ts'

storeContract('memory store', () => Promise.resolve(memoryStore()))
