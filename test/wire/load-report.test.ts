import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { decodeLoad, encodeLoad } from '../../src/wire/load-report.ts'

/** As Envoy and gRPC publish it: xds/data/orca/v3/orca_load_report.proto. */
const OrcaLoadReport = protobuf
  .parse(
    `syntax = "proto3";
     package xds.data.orca.v3;
     message OrcaLoadReport {
       double cpu_utilization = 1;
       double mem_utilization = 2;
       uint64 rps = 3 [deprecated = true];
       map<string, double> request_cost = 4;
       map<string, double> utilization = 5;
       double rps_fractional = 6;
       double eps = 7;
       map<string, double> named_metrics = 8;
       double application_utilization = 9;
     }`,
    { keepCase: true },
  )
  .root.lookupType('xds.data.orca.v3.OrcaLoadReport')

const loads = fc.record(
  { inFlight: fc.nat(), queueMs: fc.double({ noNaN: true }), serviceMs: fc.double({ noNaN: true }) },
  { noNullPrototype: true },
)

test('a load report comes back as it was', () => {
  fc.assert(fc.property(loads, (load) => assert.deepStrictEqual(decodeLoad(encodeLoad(load)), load)))
})

test('what is written, any reader of OrcaLoadReport understands', () => {
  fc.assert(
    fc.property(loads, (load) => {
      const read = OrcaLoadReport.toObject(OrcaLoadReport.decode(encodeLoad(load)))
      assert.deepStrictEqual(read, { named_metrics: { in_flight: load.inFlight, queue_ms: load.queueMs, service_ms: load.serviceMs } })
    }),
  )
})

test('what another writer of OrcaLoadReport writes, in any order and with other fields, is read', () => {
  const bytes = OrcaLoadReport.encode({
    cpu_utilization: 0.5,
    rps: 123_456_789,
    request_cost: { disk: 3 },
    utilization: { gpu: 0.25 },
    eps: 1,
    named_metrics: { other: 9, service_ms: 12.5, in_flight: 3, queue_ms: 0.25, a_long_name_of_some_other_metric: -1 },
    application_utilization: 0.75,
  }).finish()
  assert.deepStrictEqual(decodeLoad(bytes), { inFlight: 3, queueMs: 0.25, serviceMs: 12.5 })
})

test('a report without our metrics is none', () => {
  assert.equal(decodeLoad(new Uint8Array()), undefined)
  assert.equal(decodeLoad(OrcaLoadReport.encode({ cpu_utilization: 1, named_metrics: { in_flight: 1 } }).finish()), undefined)
})

test('bytes that are no report give undefined, never an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decodeLoad(bytes)),
    { numRuns: 2000 },
  )
  const good = encodeLoad({ inFlight: 1, queueMs: 2, serviceMs: 3 })
  for (let length = 0; length < good.length; length++) assert.equal(decodeLoad(good.subarray(0, length)), undefined)
})
