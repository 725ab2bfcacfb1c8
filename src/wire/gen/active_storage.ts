import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AccountingIn as _active_storage_v1_AccountingIn, Accounting as _active_storage_v1_Accounting } from './active_storage/v1/Accounting.ts';
import type { CallStartIn as _active_storage_v1_CallStartIn, CallStart as _active_storage_v1_CallStart } from './active_storage/v1/CallStart.ts';
import type { ClientFrameIn as _active_storage_v1_ClientFrameIn, ClientFrame as _active_storage_v1_ClientFrame } from './active_storage/v1/ClientFrame.ts';
import type { FailureIn as _active_storage_v1_FailureIn, Failure as _active_storage_v1_Failure } from './active_storage/v1/Failure.ts';
import type { SegmentIn as _active_storage_v1_SegmentIn, Segment as _active_storage_v1_Segment } from './active_storage/v1/Segment.ts';
import type { ServerFrameIn as _active_storage_v1_ServerFrameIn, ServerFrame as _active_storage_v1_ServerFrame } from './active_storage/v1/ServerFrame.ts';
import type { StageIn as _active_storage_v1_StageIn, Stage as _active_storage_v1_Stage } from './active_storage/v1/Stage.ts';
import type { StorageNodeClient as _active_storage_v1_StorageNodeClient, StorageNodeDefinition as _active_storage_v1_StorageNodeDefinition } from './active_storage/v1/StorageNode.ts';
import type { ValueIn as _active_storage_v1_ValueIn, Value as _active_storage_v1_Value } from './active_storage/v1/Value.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  active_storage: {
    v1: {
      Accounting: MessageTypeDefinition<_active_storage_v1_AccountingIn, _active_storage_v1_Accounting>
      CallStart: MessageTypeDefinition<_active_storage_v1_CallStartIn, _active_storage_v1_CallStart>
      ClientFrame: MessageTypeDefinition<_active_storage_v1_ClientFrameIn, _active_storage_v1_ClientFrame>
      Failure: MessageTypeDefinition<_active_storage_v1_FailureIn, _active_storage_v1_Failure>
      Segment: MessageTypeDefinition<_active_storage_v1_SegmentIn, _active_storage_v1_Segment>
      ServerFrame: MessageTypeDefinition<_active_storage_v1_ServerFrameIn, _active_storage_v1_ServerFrame>
      Stage: MessageTypeDefinition<_active_storage_v1_StageIn, _active_storage_v1_Stage>
      /**
       * A host of service objects.
       */
      StorageNode: SubtypeConstructor<typeof grpc.Client, _active_storage_v1_StorageNodeClient> & { service: _active_storage_v1_StorageNodeDefinition }
      Value: MessageTypeDefinition<_active_storage_v1_ValueIn, _active_storage_v1_Value>
    }
  }
}

