// Run as a process: a client that calls and does nothing else. Plain JavaScript, since a TypeScript loader would be most
// of its memory. Arguments: ours or bare, the address, the number of calls, bytes of a bare request and answer.
const [, , side, address, calls, request, answer] = process.argv

const ours = async () => {
  const { connect, site, withCall } = await import('../../dist/index.js')
  const client = await connect({ node: address })
  const remote = withCall(client.object(site, 'main'), { place: 'node' })
  return () => remote.echo()
}

const bare = async () => {
  const { credentials, loadPackageDefinition } = await import('@grpc/grpc-js')
  const { loadSync } = await import('@grpc/proto-loader')
  const { fileURLToPath } = await import('node:url')
  const file = fileURLToPath(new URL('./bare.proto', import.meta.url))
  const loaded = loadPackageDefinition(loadSync(file, { longs: Number, enums: String, defaults: true, oneofs: true }))
  const client = new loaded.bare.Bare(address, credentials.createInsecure(), { 'grpc-node.flow_control_window': 8 * 1024 * 1024 })
  const payload = { data: Buffer.alloc(Number(request), 1), bytes: Number(answer) }
  return () =>
    new Promise((resolve, reject) => {
      client.Echo(payload, { deadline: Date.now() + 120_000 }, (error, answered) => (error ? reject(error) : resolve(answered)))
    })
}

const call = await (side === 'bare' ? bare() : ours())
for (let made = 0; made < Number(calls); made++) await call()
process.stdout.write(`${JSON.stringify({ done: Number(calls) })}\n`)
// Stays until its memory has been read.
process.stdin.resume().on('end', () => process.exit(0))
