import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { failure } from '../../core/errors.ts'

/** What a thread gets that runs models. */
export type Onnx = typeof import('onnxruntime-node')

/** Names another copy of onnxruntime-node: its folder, relative to the working folder. */
export const OWN_ONNXRUNTIME = 'ACTIVE_STORAGE_ONNXRUNTIME'

export interface OnnxruntimeSearch {
  /** Folder of another copy, if one is named. */
  readonly own?: string | undefined
  /** The search begins here, and goes up as Node's does. */
  readonly from: string
  readonly platform: string
  readonly arch: string
}

const subfolders = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])

/** Whether a copy of the library has the binary of a platform: packages leave out those of others. */
const runsOn = (folder: string, system: string, processor: string): boolean =>
  subfolders(join(folder, 'bin')).some((napi) => existsSync(join(folder, 'bin', napi, system, processor, 'onnxruntime_binding.node')))

/**
 * The folder of the onnxruntime-node to use: the one that is named, else the nearest `node_modules/onnxruntime-node` with
 * a binary for this platform. The package contains a copy for Linux (docs/decisions/014).
 * @throws ActiveStorageError `invalid-argument` if the named folder has no such binary, `unsupported` if none is found
 */
export const findOnnxruntime = (search: OnnxruntimeSearch): string => {
  const target = `${search.platform}-${search.arch}`
  if (search.own !== undefined && search.own !== '') {
    const folder = resolve(search.own)
    if (runsOn(folder, search.platform, search.arch)) return folder
    throw failure(
      'invalid-argument',
      `${OWN_ONNXRUNTIME}=${search.own}: there is no onnxruntime-node with a binary for ${target} in ${folder}; ` +
        'name the folder of the package, such as ./node_modules/onnxruntime-node',
    )
  }
  for (let folder = resolve(search.from); ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', 'onnxruntime-node')
    if (runsOn(found, search.platform, search.arch)) return found
    if (folder === dirname(folder)) break
  }
  throw failure(
    'unsupported',
    `models cannot run here: active-storage contains onnxruntime for linux-x64 and linux-arm64, and this is ${target}; ` +
      'install a copy beside it (npm install onnxruntime-node@1.27.0), or run models on a Linux node',
  )
}

const here = (): string =>
  findOnnxruntime({
    own: process.env[OWN_ONNXRUNTIME],
    from: dirname(fileURLToPath(import.meta.url)),
    platform: platform(),
    arch: arch(),
  })

/**
 * Fails where no thread could run a model. Called before the first such thread is started, since an error with a code
 * reaches the caller from here, and not from a thread that cannot start.
 * @throws as `findOnnxruntime`
 */
export const checkOnnxruntime = (): void => void here()

/** Version of the onnxruntime-node that threads load; `unknown` where there is none. Does not load it. */
export const onnxruntimeVersion = (): string => {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(here(), 'package.json'), 'utf8'))
    return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown'
  } catch {
    return 'unknown'
  }
}

/**
 * Loads onnxruntime into this thread. Only threads that run models call this: it costs memory.
 * @throws as `findOnnxruntime`
 */
export const loadOnnxruntime = (): Onnx => {
  const folder = here()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package's own types; `require` knows none
  return createRequire(join(folder, 'package.json'))(folder) as Onnx
}
