/** What built-in objects import at their first use: a client need not load it, a node must have it before it serves. */
const modules = [
  () => import('../objects/dataset/adopt-files.ts'),
  () => import('../objects/dataset/adopt-npy.ts'),
  () => import('../objects/dataset/adopt-table.ts'),
  () => import('../objects/dataset/graph/adopt-graph.ts'),
  () => import('../objects/dataset/graph/format.ts'),
  () => import('../objects/dataset/graph/sample-neighbours.ts'),
  () => import('../objects/parallel/member-work.ts'),
  () => import('../objects/parallel/work.ts'),
  () => import('../objects/pipeline/decoded-cache.ts'),
  () => import('../objects/pipeline/engine.ts'),
  () => import('../objects/pipeline/moments.ts'),
  () => import('../objects/pipeline/values.ts'),
  () => import('../objects/trainer/work.ts'),
] as const

/**
 * Loads every module that built-in objects would load later. Node.js remembers an import that failed until the process
 * ends: where a process has no file descriptor left at the first use of an object, that object would fail for ever.
 */
export const loadAll = async (): Promise<void> => {
  await Promise.all(modules.map((load) => load()))
}
