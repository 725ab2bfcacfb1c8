import { fileURLToPath } from 'node:url'
import type * as Index from '../../src/index.ts'
import { root } from './processes.ts'

/** Folders of real photographs that the development packages bring: portraits and groups, and maps of the earth. */
const folders = ['node_modules/@vladmandic/face-api/demo', 'node_modules/three-globe/example/img'].map((folder) =>
  fileURLToPath(new URL(folder, `file://${root}`)),
)

/** Options with which a node lets callers adopt them. */
export const adoptable = (): string[] => folders.flatMap((folder) => ['--adopt', folder])

/** As for a network that takes ImageNet's size. */
export const SIDE = 224
export const RESIZED = 256
export const pipelineSpec: Index.PipelineSpec = {
  ops: [
    { op: 'decode' },
    { op: 'resize', width: RESIZED, height: RESIZED, fit: 'cover' },
    { op: 'center-crop', width: SIDE, height: SIDE },
    { op: 'layout', order: 'NHWC' },
  ],
}
/** The same with JPEGs decoded to smaller copies. */
export const fastSpec: Index.PipelineSpec = { ops: [{ op: 'decode', fast: true }, ...pipelineSpec.ops.slice(1)] }
/** The same, normalized to floats in the order that models take: more than sharp's part, and four times the bytes. */
export const floatSpec: Index.PipelineSpec = {
  ops: [...pipelineSpec.ops.slice(0, -1), { op: 'normalize', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }],
}

/** Samples that are photographs; the rest of what lies there is drawn. */
const isPhoto = ({ id }: Index.Sample) => /^(sample\d|earth-(blue-marble|day|night))\.jpg$/.test(id)

/** A data set of them on the client's node, adopted where they lie. */
export const photoDataset = async (index: typeof Index, client: Index.Client) => {
  const dataset = client.object(index.dataset, 'photos')
  for (const folder of folders) await dataset.adopt(folder)
  return dataset
}

export const photosOf = async (dataset: Awaited<ReturnType<typeof photoDataset>>): Promise<readonly Index.Sample[]> =>
  (await dataset.list()).filter(isPhoto)

/** Where the photograph of a sample lies. */
export const fileOf = (id: string): string => `${id.startsWith('sample') ? folders[0] : folders[1]}/${id}`
