// Original file: proto/active_storage/v1/active_storage.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ClientFrameIn as _active_storage_v1_ClientFrameIn, ClientFrame as _active_storage_v1_ClientFrame } from '../../active_storage/v1/ClientFrame.ts';
import type { ServerFrameIn as _active_storage_v1_ServerFrameIn, ServerFrame as _active_storage_v1_ServerFrame } from '../../active_storage/v1/ServerFrame.ts';

/**
 * A host of service objects.
 */
export interface StorageNodeClient extends grpc.Client {
  /**
   * Makes one call of a method. Every call, small or large, unary or streaming, goes through here.
   * 
   * The client sends a CallStart first. Where the values of its arguments do not stand in it, chunks follow that hold
   * them. The node answers with one Value for each item of the result (exactly one for a method that is not a stream),
   * each followed by its chunks. Status OK ends a call that went well; any other status carries a Failure in the
   * trailer `active-storage-failure-bin`. Every call ends with the trailers `endpoint-load-metrics-bin` (an
   * xds.data.orca.v3.OrcaLoadReport) and, where the call reached a method, `active-storage-accounting-bin`.
   */
  Call(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_active_storage_v1_ClientFrameIn, _active_storage_v1_ServerFrame>;
  Call(options?: grpc.CallOptions): grpc.ClientDuplexStream<_active_storage_v1_ClientFrameIn, _active_storage_v1_ServerFrame>;
  /**
   * Makes one call of a method. Every call, small or large, unary or streaming, goes through here.
   * 
   * The client sends a CallStart first. Where the values of its arguments do not stand in it, chunks follow that hold
   * them. The node answers with one Value for each item of the result (exactly one for a method that is not a stream),
   * each followed by its chunks. Status OK ends a call that went well; any other status carries a Failure in the
   * trailer `active-storage-failure-bin`. Every call ends with the trailers `endpoint-load-metrics-bin` (an
   * xds.data.orca.v3.OrcaLoadReport) and, where the call reached a method, `active-storage-accounting-bin`.
   */
  call(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_active_storage_v1_ClientFrameIn, _active_storage_v1_ServerFrame>;
  call(options?: grpc.CallOptions): grpc.ClientDuplexStream<_active_storage_v1_ClientFrameIn, _active_storage_v1_ServerFrame>;
  
}

/**
 * A host of service objects.
 */
export interface StorageNodeHandlers extends grpc.UntypedServiceImplementation {
  /**
   * Makes one call of a method. Every call, small or large, unary or streaming, goes through here.
   * 
   * The client sends a CallStart first. Where the values of its arguments do not stand in it, chunks follow that hold
   * them. The node answers with one Value for each item of the result (exactly one for a method that is not a stream),
   * each followed by its chunks. Status OK ends a call that went well; any other status carries a Failure in the
   * trailer `active-storage-failure-bin`. Every call ends with the trailers `endpoint-load-metrics-bin` (an
   * xds.data.orca.v3.OrcaLoadReport) and, where the call reached a method, `active-storage-accounting-bin`.
   */
  Call: grpc.handleBidiStreamingCall<_active_storage_v1_ClientFrame, _active_storage_v1_ServerFrameIn>;
  
}

export interface StorageNodeDefinition extends grpc.ServiceDefinition {
  Call: MethodDefinition<_active_storage_v1_ClientFrameIn, _active_storage_v1_ServerFrameIn, _active_storage_v1_ClientFrame, _active_storage_v1_ServerFrame>
}
