import type { INamespace } from 'protobufjs'

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule && { rule }) })

/** The part of ONNX's protobuf schema (onnx.proto3) that is read here. Fields that are not named are skipped. */
export const onnxSchema: INamespace = {
  nested: {
    onnx: {
      nested: {
        StringStringEntryProto: { fields: { key: field(1, 'string'), value: field(2, 'string') } },
        OperatorSetIdProto: { fields: { domain: field(1, 'string'), version: field(2, 'int64') } },
        TensorProto: { fields: { name: field(8, 'string'), externalData: field(13, 'StringStringEntryProto', 'repeated'), dataLocation: field(14, 'int32') } },
        AttributeProto: {
          fields: { name: field(1, 'string'), t: field(5, 'TensorProto'), g: field(6, 'GraphProto'), tensors: field(10, 'TensorProto', 'repeated'), graphs: field(11, 'GraphProto', 'repeated') },
        },
        NodeProto: { fields: { opType: field(4, 'string'), attribute: field(5, 'AttributeProto', 'repeated') } },
        GraphProto: { fields: { node: field(1, 'NodeProto', 'repeated'), name: field(2, 'string'), initializer: field(5, 'TensorProto', 'repeated') } },
        FunctionProto: { fields: { node: field(7, 'NodeProto', 'repeated') } },
        ModelProto: {
          fields: { irVersion: field(1, 'int64'), graph: field(7, 'GraphProto'), opsetImport: field(8, 'OperatorSetIdProto', 'repeated'), functions: field(25, 'FunctionProto', 'repeated') },
        },
      },
    },
  },
}
