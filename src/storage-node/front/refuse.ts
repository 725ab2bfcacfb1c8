import { constants, type ServerHttp2Stream } from 'node:http2'
import { Metadata } from '@grpc/grpc-js'
import type { ActiveStorageError } from '../../core/errors.ts'
import { statusOf } from '../../wire/failure.ts'

/** Ends a stream with an error that its caller can read, before gRPC has seen it. */
export const refuse = (stream: ServerHttp2Stream, error: ActiveStorageError): void => {
  // Of a stream that is broken, or breaks meanwhile, there is nobody to tell.
  if (stream.destroyed) return
  stream.on('error', () => undefined)
  const metadata = new Metadata()
  const { code, details = '' } = statusOf(error, metadata)
  stream.respond(
    {
      [constants.HTTP2_HEADER_STATUS]: constants.HTTP_STATUS_OK,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
      'grpc-status': code,
      'grpc-message': encodeURI(details),
      ...metadata.toHttp2Headers(),
    },
    { endStream: true },
  )
  stream.close(constants.NGHTTP2_NO_ERROR)
}
