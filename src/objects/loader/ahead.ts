/**
 * Makes something of each item of a source, in order, while later items are read and made: at most `ahead` + 1 at a time.
 * The source is asked for one item at a time. With 0 ahead nothing is read before the reader asks for it. What the source
 * throws comes in its place, after all that was made of the items before. A reader that stops early aborts what is under way.
 */
export async function* mapAhead<T, R>(
  source: Iterable<T> | AsyncIterable<T>,
  ahead: number,
  make: (item: T, index: number, signal: AbortSignal) => Promise<R>,
): AsyncGenerator<R> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
  const controller = new AbortController()
  const underWay: Promise<R>[] = []
  let index = 0
  let end: { readonly problem?: unknown } | undefined
  let reading: Promise<void> | undefined

  const read = async () => {
    while (end === undefined && underWay.length <= ahead && !controller.signal.aborted) {
      try {
        const step = await iterator.next()
        if (step.done === true) end = {}
        else if (!controller.signal.aborted) {
          const made = make(step.value, index++, controller.signal)
          // Its turn to be awaited may come later, or never.
          made.catch(() => undefined)
          underWay.push(made)
        }
      } catch (problem) {
        end = { problem }
      }
      // Whoever waits for the first of them goes on; the rest is read beside.
      if (underWay.length === 1) return
    }
  }
  const fill = (): Promise<void> => (reading ??= read().finally(() => (reading = undefined)))

  try {
    for (;;) {
      while (underWay.length === 0 && end === undefined) await fill()
      const [head] = underWay
      if (head === undefined) {
        if (end !== undefined && 'problem' in end) throw end.problem
        return
      }
      if (ahead > 0) void fill()
      const made = await head
      void underWay.shift()
      if (ahead > 0) void fill()
      yield made
    }
  } finally {
    controller.abort()
    const closed = end === undefined ? iterator.return?.() : undefined
    // A source that is being waited for cannot be closed before it gives its item.
    if (reading === undefined) await closed
    else Promise.resolve(closed).catch(() => undefined)
  }
}
