import { memoryContent } from '../../../src/storage-node/content/memory-content.ts'
import { contentStoreContract } from '../../contracts/content-store.ts'

contentStoreContract('content in memory', () => Promise.resolve(memoryContent()))
