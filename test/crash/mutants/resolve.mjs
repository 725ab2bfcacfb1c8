// Runs in Node's thread for loader hooks.
let given

export const initialize = (data) => {
  given = data
}

/** The mutant wraps the module that it replaces, so it alone is given the real one. */
export const resolve = async (specifier, context, next) => {
  const found = await next(specifier, context)
  const [path] = found.url.split('?')
  return path === given.real && context.parentURL?.split('?')[0] !== given.mutant ? { ...found, url: given.mutant } : found
}
