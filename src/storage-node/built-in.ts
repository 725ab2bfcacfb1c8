import type { ObjectType } from '../core/define.ts'
import { content } from '../objects/content.ts'
import { dataset } from '../objects/dataset/dataset.ts'
import { directory } from '../objects/directory.ts'
import { batchStages } from '../objects/loader/batch-stages.ts'
import { model } from '../objects/model/model.ts'
import { pipeline } from '../objects/pipeline/pipeline.ts'
import { site } from '../objects/site.ts'
import { trainingMember } from '../objects/parallel/member.ts'
import { parallelTrainer } from '../objects/parallel/parallel-trainer.ts'
import { trainer } from '../objects/trainer/trainer.ts'

/** The object types that every host has. */
export const builtIn: readonly ObjectType[] = [
  dataset,
  pipeline,
  model,
  trainer,
  parallelTrainer,
  trainingMember,
  batchStages,
  content,
  site,
  directory,
]
