import { connect, defineObject, Tensor, type Client } from 'active-storage'

const main = async (): Promise<void> => {
  const client: Client = await connect({})
  console.log(new Tensor('float32', new Float32Array(1), [1]).shape, defineObject)
  await client.close()
}
void main()
