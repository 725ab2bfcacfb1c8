/**
 * Words and signs of a text: runs of ASCII letters, digits and of everything beyond ASCII, and each other sign by itself.
 * No tables of Unicode: they change from one runtime to the next, and the words with them.
 */
const WORD = /[A-Za-z0-9\u0080-\u{10ffff}]+|[!-/:-@[-`{-~]/gu
const CAPITALS = /[A-Z]+/g

export const wordsOf = (text: string, lowercase: boolean): readonly string[] =>
  (lowercase ? text.replaceAll(CAPITALS, (capitals) => capitals.toLowerCase()) : text).match(WORD) ?? []
