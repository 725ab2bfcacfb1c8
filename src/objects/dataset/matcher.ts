/** Tests ids against a pattern piece by piece: what a caller sends is never compiled, and costs no more than its length. */
export const matcher = (pattern: string): ((id: string) => boolean) => {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  // Stars side by side are one.
  const pieces = rest.filter((piece) => piece !== '')
  return (id) => {
    if (tail === undefined) return id === head
    if (!id.startsWith(head) || !id.endsWith(tail) || id.length < head.length + tail.length) return false
    let from = head.length
    for (const piece of pieces) {
      const found = id.indexOf(piece, from)
      if (found < 0) return false
      from = found + piece.length
    }
    return from <= id.length - tail.length
  }
}
