import type { SiteView, StageView } from './types.ts'

/** Consecutive stages that run on one site. */
export interface Group {
  readonly site: SiteView
  /** Place of the site in the list of sites. */
  readonly index: number
  readonly from: number
  /** One past the last stage. */
  readonly to: number
}

/** One way to run a call, by its groups. The key names it across decisions. */
export interface Plan {
  readonly key: string
  readonly groups: readonly Group[]
}

/** Beyond this many sites, cuts are considered between this process and each other site only. */
const MAX_SITES_FOR_CUTS = 5

/** Every single site for all stages, and every cut in two. */
export const plansFor = (stages: readonly StageView[], sites: readonly SiteView[]): readonly Plan[] => {
  const count = Math.max(1, stages.length)
  const plans: Plan[] = sites.map((site, index) => ({ key: site.name, groups: [{ site, index, from: 0, to: count }] }))
  for (let cut = 1; cut < count; cut++) {
    for (let a = 0; a < sites.length; a++) {
      for (let b = 0; b < sites.length; b++) {
        const [first, second] = [sites[a], sites[b]]
        if (first === undefined || second === undefined || a === b) continue
        if (sites.length > MAX_SITES_FOR_CUTS && first.role !== 'local' && second.role !== 'local') continue
        plans.push({
          key: `${first.name}/${cut}/${second.name}`,
          groups: [
            { site: first, index: a, from: 0, to: cut },
            { site: second, index: b, from: cut, to: count },
          ],
        })
      }
    }
  }
  return plans
}

/** The site of every stage. */
export const sitesOf = (plan: Plan): readonly SiteView['name'][] => {
  const names: SiteView['name'][] = []
  for (const { site, from, to } of plan.groups) for (let stage = from; stage < to; stage++) names.push(site.name)
  return names
}

/** The key of the plan that put each stage where `sites` says; the same text as `Plan.key`. */
export const planKeyOf = (sites: readonly string[]): string => {
  let key = sites[0] ?? ''
  for (let stage = 1; stage < sites.length; stage++) if (sites[stage] !== sites[stage - 1]) key += `/${stage}/${sites[stage] ?? ''}`
  return key
}

/** A plan in words: `node`, or `node, then local from stage 2`. */
export const planInWords = (plan: Plan): string =>
  plan.groups.map(({ site, from }, index) => (index === 0 ? site.name : `then ${site.name} from stage ${from + 1}`)).join(', ')
