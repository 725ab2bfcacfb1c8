// The libraries that the published package contains itself, in dist/node_modules (docs/decisions/014).
// They are development dependencies here, so that nobody's npm installs them, or runs or refuses their install scripts.

/** Libraries that src/ imports. */
export const roots = [
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  '@grpc/reflection',
  '@swc/wasm-typescript',
  'ajv',
  'grpc-health-check',
  'koffi',
  'lmdb',
  'msgpackr',
  'onnxruntime-node',
  'piscina',
  'protobufjs',
  'sharp',
  'yaml',
]

/** Dependencies that only an install script, a command line, a type declaration or an option not used here needs. */
export const notNeeded = new Set(['@napi-rs/nice', '@types/node', 'adm-zip', 'global-agent', 'node-addon-api', 'yargs'])

/** Packages with the binaries of one platform each: npm chooses among them, so they stay dependencies. */
export const platformScopes = ['@img/sharp-', '@koromix/koffi-', '@lmdb/lmdb-', '@msgpackr-extract/msgpackr-extract-']

export const platforms = ['linux-x64', 'linux-arm64']

const kept = /\.(?:js|cjs|mjs|json|proto|node)$|\.so(?:\.\d+)*$|(?:^|\/)(?:licen[cs]e|notice|copying)[^/]*$/i
const dropped =
  /(?:^|\/)(?:\.[^/]+|tests?|benchmarks?|examples?|vendor|dependencies|node_modules)\/|(?:^|\/)(?:package-lock|tsconfig[^/]*|rollup\.config|test-worker|test)\.[^/]+$|\.min\.js$/

/** Files of one library that nothing here loads. */
const droppedOf = {
  '@grpc/grpc-js': /^src\/|^proto\/protoc-gen-validate\//,
  '@grpc/proto-loader': /^build\/bin\//,
  'grpc-health-check': /^src\//,
  ajv: /^lib\//,
  'fast-uri': /^types\//,
  koffi: /^lib\/|^cnoke\.cjs$|^doc\//,
  lmdb: /^src\/|^bin\/|^dict\//,
  msgpackr: /^dist\/(?:index|index-no-eval|unpack-no-eval)\.c?js$/,
  'msgpackr-extract': /^src\/|^bin\//,
  'onnxruntime-node': new RegExp(`^script/|^lib/|^bin/napi-v\\d+/(?!(?:${platforms.join('|').replaceAll('-', '/')})/)`),
  'onnxruntime-common': /^lib\/|^dist\/esm\//,
  piscina: /^src\/|^scripts\/|^docs\/|^test-jest\/|^benchmark\//,
  protobufjs: /^dist\/|^scripts\/|^cli\//,
  sharp: /^src\/|^install\//,
  yaml: /^browser\/|^bin\.mjs$|^dist\/(?:cli|test-events)\./,
}

/** Whether a file of a library goes into the package. `path` is relative to the library's folder. */
export const isKept = (name, path) => kept.test(path) && !dropped.test(path) && droppedOf[name]?.test(path) !== true

// sharp says by its own which binaries it goes with.
const keptFields = ['name', 'version', 'license', 'type', 'main', 'module', 'exports', 'imports', 'binary', 'config', 'engines']

/** The library's package.json without its scripts, dependencies and types: what Node reads to find a module. */
export const slimManifest = (manifest) =>
  Object.fromEntries(
    [...keptFields, ...(manifest.name === 'sharp' ? ['optionalDependencies'] : [])].flatMap((key) =>
      key in manifest ? [[key, manifest[key]]] : [],
    ),
  )
