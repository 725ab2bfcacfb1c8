import { ContentRef } from '../../core/content.ts'
import { defineObject } from '../../core/define.ts'
import { abortedBy, failure } from '../../core/errors.ts'
import { opDraws } from '../../core/random.ts'
import { object } from '../../core/schema.ts'
import type { Content, ReadonlyTable } from '../../core/self.ts'
import { mapSliced, nextSlice, sliceIsOver } from '../../core/slices.ts'
import type { Tensor } from '../../core/tensor.ts'
import { type AdoptOptions, adoptFiles } from './adopt.ts'
import type { NeighbourOptions } from './graph/sample-neighbours.ts'
import { countLabels, type LabelCount } from './labels.ts'
import { type AdoptReport, withReplaced } from './report.ts'
import { bytesOfRow, type NewSample, PAGE, type Row, rowOf, rowsAfter, type Sample, sampleOf, SAMPLES } from './sample.ts'
import { datasetArguments, datasetResults, described } from './schemas.ts'
import { type Split, splitter } from './split.ts'
import { type VocabularyOptions, wordCounter } from './vocabulary.ts'
import { parseWindowId, type WindowRule, windowsOf } from './windows.ts'

export type { NewSample, Sample } from './sample.ts'

/** Which samples, and in what pages. */
export interface SampleRange {
  /** The page begins after this id. */
  readonly after?: string
  /** Default and most 1,000. */
  readonly limit?: number
  readonly split?: Split
  /** Windows of time series in place of the series. A split is then one of series: windows of one overlap. */
  readonly window?: WindowRule
}
const sameRow = (a: Row, b: Row) =>
  a.content.hash === b.content.hash && a.part?.offset === b.part?.offset && a.label === b.label && a.row === b.row
const sameLayout = (a: object | undefined, b: object | undefined) => JSON.stringify(a) === JSON.stringify(b)

interface Seen {
  readonly content: Pick<Content, 'read'>
  readonly signal: AbortSignal
}
/** The samples of a range, one after the other: rows as they are, or the windows of each. */
async function* rowsIn(
  self: Seen,
  table: ReadonlyTable<Row>,
  { after, split, window }: Omit<SampleRange, 'limit'>,
): AsyncGenerator<readonly [string, Row]> {
  const fits = splitter(split)
  if (window === undefined) {
    for (const entry of rowsAfter(table, after)) {
      if (fits(entry[0])) yield entry
      if (sliceIsOver()) await turnOf(self)
    }
    return
  }
  const place = after === undefined ? undefined : parseWindowId(after)
  if (after !== undefined && place === undefined) throw failure('invalid-argument', `after "${after}" is no id of a window`)
  const begun = place === undefined ? undefined : table.get(place.series)
  function* series(): Generator<readonly [string, Row, number]> {
    if (place !== undefined && begun !== undefined && fits(place.series)) yield [place.series, begun, place.start + 1]
    for (const [id, row] of rowsAfter(table, place?.series)) if (fits(id)) yield [id, row, 0]
  }
  for (const [id, row, from] of series()) {
    const labels = row.labels === undefined ? undefined : float64s(await self.content.read(row.labels, self.signal))
    for (const entry of windowsOf(id, row, window, labels, from)) {
      yield entry
      if (sliceIsOver()) await turnOf(self)
    }
    if (sliceIsOver()) await turnOf(self)
  }
}
/** The next slice of a call, where somebody still waits for it. */
const turnOf = async ({ signal }: Pick<Seen, 'signal'>): Promise<void> => {
  await nextSlice()
  if (signal.aborted) throw abortedBy(signal)
}
const float64s = (bytes: Uint8Array) => new Float64Array(Uint8Array.from(bytes).buffer)

const partOf = (bytes: Uint8Array, { part }: Row) => (part === undefined ? bytes : bytes.subarray(part.offset, part.offset + part.bytes))

/** A set of samples: bytes with stable ids and, where they have one, a label. */
export const dataset = defineObject({
  name: 'dataset',
  version: 2,
  state: () => ({ count: 0, bytes: 0 }),
  schema: object(described),
  // What version 1 had is all there.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema checks it
  migrate: (state) => state as { count: number; bytes: number },
  methods: {
    /**
     * Takes in files of the node where they lie; the operator must have allowed their folder.
     *
     * `folder` (default for folders): the JPEG, PNG and WebP files below it. `tar`: those within a tar, read from there.
     * `csv`: the rows of a table, or time series of them, kept as columns of numbers. `npy`: an array, along its first axis.
     * `graph`: nodes and edges in two tables.
     * @returns how many samples were added and are there, their bytes, and a report of what was taken, left out and doubted
     * @throws `bad-sample` naming file:line:column or the byte; `invalid-argument` for an option, or for a doubt under
     * `strict`; `permission-denied`. Nothing is added then.
     */
    async adopt(
      self,
      path: string,
      options: AdoptOptions = {},
    ): Promise<{ added: number; count: number; bytes: number; report: AdoptReport }> {
      const table = self.table<Row>(SAMPLES)
      const { rows, layout, classes, report } = await adoptFiles(path, options, self.state.classes ?? [], self.content, self.signal)
      const { state } = self
      if (state.count > 0 && !sameLayout(state.layout, layout))
        throw failure(
          'invalid-argument',
          `${path} holds ${JSON.stringify(layout) ?? 'files'}, data set "${self.id}" ${JSON.stringify(state.layout) ?? 'files'}: give it a data set of its own`,
        )
      if (layout !== undefined) state.layout = layout
      if (classes.length > 0) state.classes = [...classes]
      let [added, bytes] = [0, 0]
      const replaced: string[] = []
      for (const [id, row] of rows) {
        const before = table.get(id)
        table.put(id, row)
        if (before === undefined) added++
        else if (!sameRow(before, row)) replaced.push(id)
        bytes += bytesOfRow(row) - (before === undefined ? 0 : bytesOfRow(before))
        if (sliceIsOver()) await turnOf(self)
      }
      state.bytes += bytes
      state.count += added
      return { added, count: state.count, bytes: state.bytes, report: withReplaced(report, path, replaced, options.strict ?? false) }
    },
    /** Adds samples, or replaces those of the same id. */
    async put(self, samples: readonly NewSample[]): Promise<{ count: number; bytes: number }> {
      const table = self.table<Row>(SAMPLES)
      for (const { id, bytes, label } of samples) {
        const ref = await self.content.put(bytes)
        const before = table.get(id)
        table.put(id, { content: ref, ...(label !== undefined && { label }) })
        self.state.count += before === undefined ? 1 : 0
        self.state.bytes += ref.bytes - (before === undefined ? 0 : bytesOfRow(before))
      }
      return { count: self.state.count, bytes: self.state.bytes }
    },
    /** Makes a vocabulary of the samples' texts, for the op `tokenize`, and keeps it. Of a split: only from its part. */
    async buildVocabulary(
      self,
      options: VocabularyOptions & { readonly split?: Split } = {},
    ): Promise<{ content: ContentRef; size: number; lowercase: boolean }> {
      const counter = wordCounter(options)
      const fits = splitter(options.split)
      let held: { hash: string; bytes: Uint8Array } | undefined
      for (const [id, row] of rowsAfter(self.table<Row>(SAMPLES))) {
        if (sliceIsOver()) await turnOf(self)
        if (!fits(id)) continue
        // Texts that lie together in one piece of content come one after the other.
        if (held?.hash !== row.content.hash) held = { hash: row.content.hash, bytes: await self.content.read(row.content, self.signal) }
        counter.add(Buffer.from(partOf(held.bytes, row)).toString('utf8'))
      }
      const words = await counter.words()
      if (words.length === 0) throw failure('invalid-argument', `data set "${self.id}" holds no words`)
      const made = {
        content: await self.content.put(Buffer.from(JSON.stringify(words))),
        size: words.length,
        lowercase: options.lowercase ?? true,
      }
      self.state.vocabulary = made
      return made
    },
  },
  readonly: {
    /** Number of samples, their bytes, what they are, and the version, which changes whenever a sample does. */
    describe: (self) => ({ ...self.state, version: self.version }),
    count: (self) => self.state.count,
    /** One page of samples in the order of their ids (by UTF-8 bytes), from after `after`; at most 1,000. */
    async list(self, range: SampleRange = {}): Promise<readonly Sample[]> {
      const limit = Math.min(PAGE, Math.max(1, Math.trunc(range.limit ?? PAGE)))
      const found: Sample[] = []
      for await (const [id, row] of rowsIn(self, self.table<Row>(SAMPLES), range)) {
        found.push(sampleOf(id, row, self.site))
        if (found.length === limit) break
      }
      return found
    },
    /** @throws `not-found` */
    sample: (self, id: string): Sample => sampleOf(id, rowOf(self.table<Row>(SAMPLES), self.id, id), self.site),
    /** The bytes of a sample. @throws `not-found`, `content-changed` */
    async read(self, id: string): Promise<Uint8Array> {
      const row = rowOf(self.table<Row>(SAMPLES), self.id, id)
      self.memory.reserve(Math.min(row.content.bytes, self.memory.most))
      return partOf(await self.content.read(sampleOf(id, row, self.site).content, self.signal), row)
    },
    /** How often each label stands, of all samples or a part of them, and the weight that evens that out. */
    async labels(self, range: Omit<SampleRange, 'after' | 'limit'> = {}): Promise<readonly LabelCount[]> {
      async function* labels() {
        for await (const [, { label }] of rowsIn(self, self.table<Row>(SAMPLES), range)) yield label
      }
      return countLabels(labels(), self.state.classes ?? [])
    },
    /** Nodes around some nodes of a graph, hop by hop, in tensors of fixed shapes: see `sampleNeighbours` in docs/data.md. */
    async sampleNeighbours(
      self,
      request: NeighbourOptions & { readonly seeds: readonly string[]; readonly seed: number; readonly epoch?: number },
    ): Promise<Record<string, Tensor>> {
      const table = self.table<Row>(SAMPLES)
      const rows = await mapSliced(request.seeds, (id) => rowOf(table, self.id, id), self.signal)
      const [first] = rows
      if (first?.row === undefined) throw failure('invalid-argument', `data set "${self.id}" is no graph: adopt one with format "graph"`)
      const [{ decodeGraph }, { sampleNeighbours }] = await Promise.all([
        import('./graph/format.ts'),
        import('./graph/sample-neighbours.ts'),
      ])
      const graph = await decodeGraph(await self.content.read(first.content, self.signal))
      const { seed, epoch = 0 } = request
      return sampleNeighbours(
        graph,
        rows.map(({ row = 0 }) => row),
        request,
        (node, hop) => opDraws(seed, epoch, String(node), hop),
        (bytes) => void self.memory.reserve(bytes),
      )
    },
  },
  arguments: datasetArguments,
  results: datasetResults,
})
