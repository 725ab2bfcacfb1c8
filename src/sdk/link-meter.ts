import type { CallReport } from '../core/transport.ts'

/** Transfers below this say more of the round trip than of the bandwidth. */
const TELLING_BYTES = 64 * 1024

/** What real calls have shown of the link to one site. */
export interface LinkMeter {
  readonly rttMs: number | undefined
  readonly downBytesPerMs: number | undefined
  readonly upBytesPerMs: number | undefined
  /** Bytes of values over the link since the start. */
  readonly sent: number
  readonly received: number
  readonly inFlight: number | undefined
  readonly queueMs: number | undefined
  readonly observe: (report: CallReport) => void
}

/**
 * The round trip is the least lately seen of what a small call took beyond its service; bandwidth the most lately seen
 * of what a large transfer delivered (as BBR does): calls that share a link each see less than it can carry, none more.
 */
export const createLinkMeter = (): LinkMeter => {
  let rtt: number | undefined
  let down: number | undefined
  let up: number | undefined
  let sent = 0
  let received = 0
  let load: CallReport['load']
  // The kept extreme gives way by 2 % a call, so that a link that got worse is noticed.
  const least = (kept: number | undefined, seen: number) => (kept === undefined || seen < kept ? seen : kept + (seen - kept) * 0.02)
  const most = (kept: number | undefined, seen: number) => (kept === undefined || seen > kept ? seen : kept - (kept - seen) * 0.02)

  return {
    get rttMs() {
      return rtt
    },
    get downBytesPerMs() {
      return down
    },
    get upBytesPerMs() {
      return up
    },
    get sent() {
      return sent
    },
    get received() {
      return received
    },
    get inFlight() {
      return load?.inFlight
    },
    get queueMs() {
      return load?.queueMs
    },
    observe: (report) => {
      sent += report.bytesSent
      received += report.bytesReceived
      if (report.load === undefined) return
      load = report.load
      // A stream's time is in part that of its reader, and in part that of what was sent while it read.
      if (report.stream === true) return
      const beyond = Math.max(0.01, report.totalMs - report.load.serviceMs - report.load.queueMs)
      const small = report.bytesSent + report.bytesReceived < 16 * 1024
      if (small) rtt = least(rtt, beyond)
      const moving = beyond - (rtt ?? 0)
      if (moving <= 0) return
      if (report.bytesReceived >= TELLING_BYTES && report.bytesReceived > report.bytesSent * 8)
        down = most(down, report.bytesReceived / moving)
      if (report.bytesSent >= TELLING_BYTES && report.bytesSent > report.bytesReceived * 8) up = most(up, report.bytesSent / moving)
    },
  }
}
