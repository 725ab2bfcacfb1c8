/** Causes of a broken connection by what grpc-js or the system says of them, in words. The first that fits counts. */
const causes: readonly (readonly [says: RegExp, unreached: boolean, words: string])[] = [
  [/ECONNREFUSED/, true, 'nothing listens there'],
  [/ENOTFOUND|EAI_|Name resolution failed|resolv\w* .*fail/i, true, 'the host name is not known'],
  [/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/, true, 'there is no route to it'],
  [/ETIMEDOUT|timed out/i, true, 'it does not answer'],
  [/EACCES|EPERM/, true, 'this machine does not allow the connection'],
  [/Protocol error|ERR_HTTP2|HTTP status|HTTP\/1|NGHTTP2_PROTOCOL_ERROR/i, true, 'what listens there speaks no gRPC'],
  [/No connection established|Failed to connect/, true, 'no connection could be made'],
  [/Channel closed|has been closed/, false, 'the link was closed'],
  [
    /ECONNRESET|EPIPE|socket hang up|Connection dropped|Received RST_STREAM|Stream refused|GOAWAY|Write (error|failed)/,
    false,
    'the connection broke before the answer',
  ],
  [/Call cancelled|Cancelled/i, false, 'it ended the call'],
]

/** What a broken connection means, without the words of the gRPC library. @param place the other end in words */
export const brokenText = (details: string, place: string): string => {
  const [, unreached = false, words = 'the connection failed before the answer'] = causes.find(([says]) => says.test(details)) ?? []
  return unreached
    ? `cannot reach ${place}: ${words}; start the node with "active-storage node", or correct the address`
    : `the call at ${place} failed: ${words}; check that the node runs, and repeat the call if that does no harm`
}

/** What a deadline that has passed means. grpc-js tells what the call still waited for. */
export const lateText = (details: string, place: string): string =>
  /waiting for (LB pick|name resolution)/i.test(details)
    ? `the time given to the call ran out, and there was no connection to ${place}`
    : 'the time given to the call ran out'
