/**
 * Runs `make` for 0 .. count - 1, at most `ahead` + 1 at a time, and yields the results in order. A reader that stops
 * early aborts what is under way.
 */
export async function* prefetching<T>(
  count: number,
  ahead: number,
  make: (index: number, signal: AbortSignal) => Promise<T>,
): AsyncGenerator<T> {
  const controller = new AbortController()
  const underWay: Promise<T>[] = []
  let started = 0
  const fill = () => {
    while (started < count && underWay.length <= ahead) {
      const made = make(started++, controller.signal)
      // Its turn to be awaited may come later, or never.
      made.catch(() => undefined)
      underWay.push(made)
    }
  }
  try {
    fill()
    for (let head = underWay.shift(); head !== undefined; head = underWay.shift()) {
      const made = await head
      fill()
      yield made
    }
  } finally {
    controller.abort()
  }
}
