import type { SkipReason } from './report.ts'

/** Endings of the image files that are samples: JPEG, PNG and WebP. */
const images: ReadonlySet<string> = new Set(['jpg', 'jpeg', 'jpe', 'jfif', 'jfi', 'jif', 'pjpeg', 'pjp', 'png', 'webp'])
/** Endings of images that are not read. */
const otherImages: ReadonlySet<string> = new Set(
  'apng avif bmp cr2 dds dib dng eps exr gif hdr heic heif icns ico j2k jp2 jpf jpx jxl nef pbm pcx pfm pgm pnm ppm psd ras raw svg tga tif tiff wbmp xbm xpm'.split(
    ' ',
  ),
)
/** Endings of the files that stand beside an image of the same name, as WebDataset has them. */
const labelEndings: ReadonlySet<string> = new Set(['cls', 'json', 'txt', 'xml', 'caption', 'index', 'target', 'id'])

/** Files and folders that operating systems and file servers make; those whose names begin with a point are hidden anyway. */
const system: ReadonlySet<string> = new Set([
  '__macosx', 'thumbs.db', 'ehthumbs.db', 'ehthumbs_vista.db', 'desktop.ini', 'iconcache.db', 'icon\r', '@eadir', '@recycle',
  '#recycle', '#snapshot', '$recycle.bin', 'recycler', 'system volume information', 'lost+found', 'network trash folder',
  'temporary items',
]) // prettier-ignore

/** Whether a name of a file or folder is one that `ls` does not show, or that no user made. */
export const isHidden = (name: string): boolean => name.startsWith('.') || system.has(name.toLowerCase())
/** The same for a path with "/": any of its names. */
export const isHiddenPath = (path: string): boolean => path.split('/').some((name) => name !== '' && isHidden(name))

const endingOf = (name: string): string => {
  const point = name.lastIndexOf('.')
  return point < 1 ? '' : name.slice(point + 1).toLowerCase()
}
export const isImage = (name: string): boolean => images.has(endingOf(name))
export const isClassFile = (name: string): boolean => name.toLowerCase().endsWith('.cls')

/** A path without the ending of its last name: an image and the files beside it have it in common. */
export const keyOf = (path: string): string => {
  const point = path.lastIndexOf('.')
  return point > path.lastIndexOf('/') + 1 ? path.slice(0, point) : path
}

/** The same up to the first point of the last name: the key of a WebDataset sample, as in KEY.left.jpg. */
export const shortKeyOf = (path: string): string => {
  const point = path.indexOf('.', path.lastIndexOf('/') + 2)
  return point < 0 ? path : path.slice(0, point)
}

/** Why a file that is no sample is none. @param keys those of the images */
export const skipReasonOf = (path: string, keys: ReadonlySet<string>): SkipReason => {
  const ending = endingOf(path.slice(path.lastIndexOf('/') + 1))
  if (ending === '') return 'no-ending'
  if (otherImages.has(ending)) return 'other-image'
  return labelEndings.has(ending) && keys.has(keyOf(path)) ? 'label-file' : 'no-image'
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A name from its bytes. Where they are no UTF-8, each byte beyond ASCII is written as "%" and two hexadecimal digits, and
 * "%" itself as "%25": two names never become one.
 */
export const nameOf = (bytes: Uint8Array): { readonly name: string; readonly escaped: boolean } => {
  try {
    return { name: strict.decode(bytes), escaped: false }
  } catch {
    const name = Array.from(bytes, (byte) =>
      byte > 127 || byte === 37 ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}` : String.fromCharCode(byte),
    ).join('')
    return { name, escaped: true }
  }
}
