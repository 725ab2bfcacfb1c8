import { type ObjectId, objectId, type SiteName, siteName, type TypeName, typeName } from './ids.ts'

/**
 * A reference to an object, as a value: it may stand in state, arguments and results. While a state holds it, the
 * object is in use, and collection leaves it alone.
 */
export class ObjectRef {
  readonly type: TypeName
  readonly id: ObjectId
  /** Where it lives: a site's name, never an address. Where it has moved since, calls follow. */
  readonly home: SiteName

  constructor(type: string, id: string, home: string) {
    this.type = typeName(type)
    this.id = objectId(id)
    this.home = siteName(home)
  }
}
