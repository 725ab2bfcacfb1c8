// Generates the TypeScript types of the wire contract into src/wire/gen (or the folder given as argument).
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = process.argv[2] ?? 'src/wire/gen'
execFileSync(
  process.execPath,
  [
    'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js',
    'proto/active_storage/v1/active_storage.proto',
    '--longs=Number',
    '--enums=String',
    '--defaults',
    '--oneofs',
    '--includeComments',
    '--grpcLib=@grpc/grpc-js',
    '--importFileExtension=.ts',
    '--inputTemplate=%sIn',
    '--outputTemplate=%s',
    `--outDir=${out}`,
  ],
  { cwd: root, stdio: 'inherit' },
)
