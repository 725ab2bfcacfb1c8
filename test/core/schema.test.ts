import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as schema from '../../src/core/schema.ts'

const { integer, list, nullable, object, oneOf, optional, record, string, tuple, union } = schema

test('what the helpers write is plain JSON Schema', () => {
  const sample = object(
    { id: string({ minLength: 1 }), size: optional(integer({ minimum: 0, title: 'bytes' })), tags: list(string(), { maxItems: 3 }) },
    { description: 'a sample' },
  )
  assert.deepEqual(sample, {
    type: 'object',
    properties: {
      id: { type: 'string', minLength: 1 },
      size: { type: 'integer', minimum: 0, title: 'bytes' },
      tags: { type: 'array', items: { type: 'string' }, maxItems: 3 },
    },
    required: ['id', 'tags'],
    additionalProperties: false,
    description: 'a sample',
  })
  assert.deepEqual(object({ a: optional(string()) }, { additionalProperties: true }), {
    type: 'object',
    properties: { a: { type: 'string' } },
    additionalProperties: true,
  })
  assert.deepEqual(tuple([string(), integer()]), {
    type: 'array',
    prefixItems: [{ type: 'string' }, { type: 'integer' }],
    minItems: 2,
    maxItems: 2,
  })
  assert.deepEqual(record(nullable(oneOf(['a', 1]))), {
    type: 'object',
    additionalProperties: { anyOf: [{ enum: ['a', 1] }, { type: 'null' }] },
  })
  assert.deepEqual(union([schema.number(), schema.boolean()]), { anyOf: [{ type: 'number' }, { type: 'boolean' }] })
  assert.deepEqual(schema.value(), {})
  assert.deepEqual(JSON.parse(JSON.stringify(sample)), sample)
})

test('what JSON has no word for is named by `instance`', () => {
  const { tensor, bytes, date, contentRef, objectRef, bigint, anyNumber } = schema
  const made = [tensor(), bytes(), date(), contentRef(), objectRef(), bigint(), anyNumber()]
  assert.deepEqual(
    made.map((each) => each['instance']),
    schema.instances,
  )
})
