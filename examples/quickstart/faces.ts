import type { Tensor } from '../../src/index.ts'

/** A box in parts of the picture's side, 0 .. 1. */
interface Box {
  readonly score: number
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

const SIDE = 256
const SCORE = 0.5
const OVERLAP = 0.3
/** The detector's two grids of anchors, as its outputs order them: scores and boxes of each. */
const grids = [
  { cells: 16, anchors: 2, scores: 'Identity:0', boxes: 'Identity_2:0' },
  { cells: 8, anchors: 6, scores: 'Identity_1:0', boxes: 'Identity_3:0' },
]

const area = ({ left, top, right, bottom }: Box) => Math.max(0, right - left) * Math.max(0, bottom - top)
const overlap = (a: Box, b: Box) => {
  const shared = area({
    score: 0,
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  })
  return shared / (area(a) + area(b) - shared)
}

const number = (tensor: Tensor, index: number): number => Number(tensor.data[index] ?? 0)

/** Faces in each picture of a batch: boxes scored above 0.5, the best of those that overlap by more than 0.3 (IoU). */
export const countFaces = (outputs: Readonly<Record<string, Tensor>>): number[] => {
  const count = outputs[grids[0]!.scores]?.shape[0] ?? 0
  return Array.from({ length: count }, (_, picture) => {
    const boxes: Box[] = []
    for (const { cells, anchors, scores, boxes: regressors } of grids) {
      const score = outputs[scores]
      const box = outputs[regressors]
      if (score === undefined || box === undefined) throw new Error(`the model has no output ${scores} or ${regressors}`)
      const total = cells * cells * anchors
      for (let anchor = 0; anchor < total; anchor++) {
        const certain = 1 / (1 + Math.exp(-number(score, picture * total + anchor)))
        if (certain <= SCORE) continue
        const cell = Math.floor(anchor / anchors)
        const at = (picture * total + anchor) * 16
        const x = number(box, at) / SIDE + ((cell % cells) + 0.5) / cells
        const y = number(box, at + 1) / SIDE + (Math.floor(cell / cells) + 0.5) / cells
        const width = number(box, at + 2) / SIDE
        const height = number(box, at + 3) / SIDE
        boxes.push({ score: certain, left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 })
      }
    }
    const kept: Box[] = []
    for (const box of boxes.sort((a, b) => b.score - a.score)) if (kept.every((better) => overlap(better, box) <= OVERLAP)) kept.push(box)
    return kept.length
  })
}
