/** Calls a second of so many callers, each of which makes one call after the other for so long. */
export const callsPerSecond = async (
  { callers, ms }: { readonly callers: number; readonly ms: number },
  call: (caller: number, nth: number) => Promise<unknown>,
): Promise<number> => {
  const began = performance.now()
  let made = 0
  const calling = async (caller: number) => {
    for (let nth = 0; performance.now() - began < ms; nth++) {
      await call(caller, nth)
      made++
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => calling(caller)))
  return (made * 1000) / (performance.now() - began)
}
