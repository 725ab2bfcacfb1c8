/** What a training graph calls its own inputs and outputs. No tensor of a model may have such a name. */

export const LOSS = 'training/loss'
export const CORRECT = 'training/correct'
export const COUNTED = 'training/counted'
export const NORM = 'training/norm'
/** The loss of one batch of several, by its shares of them. */
export const PART = 'training/part'
/** What a run tells. */
export const told = [LOSS, CORRECT, COUNTED, NORM, PART] as const

/** Numbers that change from step to step. */
export const LEARNING_RATE = 'training/learningRate'
export const CORRECTION_1 = 'training/correction1'
export const CORRECTION_2 = 'training/correction2'
/** What gradients are multiplied by, where they are clipped. */
export const SCALE = 'training/scale'
export const numbers = [LEARNING_RATE, CORRECTION_1, CORRECTION_2, SCALE] as const
/** A batch's share of a loss over several batches, by the loss's place. */
export const shareOf = (place: number): string => `training/share/${place}`

export const slotName = (slot: string, parameter: string): string => `optimizer/${slot}/${parameter}`
/** Whether a tensor of the state is the optimizer's own. */
export const isSlot = (name: string): boolean => name.startsWith('optimizer/')
/** The output that holds what comes in the place of a tensor. */
export const nextOf = (name: string): string => `next/${name}`
export const gradientOf = (name: string): string => `gradient/${name}`
