import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress } from '../../src/link/address.ts'
import { proxyFor } from '../../src/link/proxy.ts'

const variableFor = (address: string, env: Record<string, string>) => proxyFor(parseAddress(address), env)?.variable
const all = Object.fromEntries(
  ['http_proxy', 'https_proxy', 'grpc_proxy', 'all_proxy']
    .flatMap((name) => [name, name.toUpperCase()])
    .map((name) => [name, 'http://p:3128']),
)

test('this machine is never reached by a proxy', () => {
  for (const address of [
    '127.0.0.1:7070',
    '127.9.9.9:1',
    'localhost:7070',
    '[::1]:7070',
    '[::ffff:127.0.0.1]:1',
    '0.0.0.0:7070',
    '[::]:7070',
  ])
    assert.equal(variableFor(address, all), undefined, address)
})

test('another machine is, by the variables that gRPC libraries read, in their order', () => {
  assert.equal(variableFor('edge:7070', all), 'grpc_proxy')
  assert.equal(variableFor('edge:7070', { http_proxy: 'http://p', https_proxy: 'http://q' }), 'https_proxy')
  assert.equal(variableFor('edge:7070', { http_proxy: 'http://p' }), 'http_proxy')
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'])
    assert.equal(variableFor('edge:7070', { [name]: 'http://p' }), undefined, name)
  assert.equal(variableFor('edge:7070', { https_proxy: '', http_proxy: 'http://p' }), 'http_proxy')
  for (const value of ['p:3128', 'https://p:3128', 'socks5://p:1080', '%%'])
    assert.equal(variableFor('edge:7070', { https_proxy: value }), undefined)
  const full = proxyFor(parseAddress('edge:7070'), { http_proxy: 'http://ann:a%20b@p:3128/' })
  assert.deepEqual(full, { variable: 'http_proxy', address: 'p:3128', credentials: 'ann:a b' })
  assert.equal(proxyFor(parseAddress('edge:7070'), { http_proxy: 'http://p' })?.address, 'p:80')
  assert.equal(proxyFor(parseAddress('edge:7070'), { http_proxy: 'http://[::2]:8' })?.address, '[::2]:8')
})

test('exceptions are obeyed in both cases', () => {
  const excepted: [list: string, address: string, is: boolean][] = [
    ['*', 'edge:7070', true],
    ['edge', 'edge:7070', true],
    ['EDGE', 'edge:7070', true],
    ['a, edge ,b', 'edge:7070', true],
    ['a edge', 'edge:7070', true],
    ['example.org', 'edge.example.org:7070', true],
    ['.example.org', 'edge.example.org:7070', true],
    ['*.example.org', 'edge.example.org:7070', true],
    ['ample.org', 'example.org:7070', false],
    ['edge:7070', 'edge:7070', true],
    ['edge:7071', 'edge:7070', false],
    ['10.0.0.0/8', '10.1.2.3:7070', true],
    ['10.0.0.0/8', '11.1.2.3:7070', false],
    ['10.0.0.0/99', '10.1.2.3:7070', false],
    ['10.1.2.3', '10.1.2.3:7070', true],
    ['2.3', '10.1.2.3:7070', false],
    ['fd00::/8', '[fd00::1]:7070', true],
    ['[fd00::1]', '[fd00::1]:7070', true],
    ['fd00::1', '[fd00::1]:7070', true],
    [',,', 'edge:7070', false],
    ['', 'edge:7070', false],
  ]
  for (const name of ['no_proxy', 'NO_PROXY', 'no_grpc_proxy'])
    for (const [list, address, is] of excepted)
      assert.equal(variableFor(address, { http_proxy: 'http://p', [name]: list }) === undefined, is, `${name}=${list} for ${address}`)
})
