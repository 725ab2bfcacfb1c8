import type { INamespace } from 'protobufjs'

const field = (id: number, type: string, rule?: 'repeated') => ({ id, type, ...(rule && { rule }) })

/**
 * The part of ONNX's protobuf schema (onnx.proto3) that is read here. Fields that are not named are skipped. Single
 * messages are declared as repeated: when one occurs twice, onnxruntime merges both, where protobufjs would keep the last
 * and so hide what stands in the first.
 */
export const onnxSchema: INamespace = {
  nested: {
    onnx: {
      nested: {
        StringStringEntryProto: { fields: { key: field(1, 'string'), value: field(2, 'string') } },
        OperatorSetIdProto: { fields: { domain: field(1, 'string'), version: field(2, 'int64') } },
        TensorProto: {
          fields: {
            name: field(8, 'string'),
            externalData: field(13, 'StringStringEntryProto', 'repeated'),
            dataLocation: field(14, 'int32'),
          },
        },
        SparseTensorProto: { fields: { values: field(1, 'TensorProto', 'repeated'), indices: field(2, 'TensorProto', 'repeated') } },
        AttributeProto: {
          fields: {
            name: field(1, 'string'),
            t: field(5, 'TensorProto', 'repeated'),
            g: field(6, 'GraphProto', 'repeated'),
            tensors: field(10, 'TensorProto', 'repeated'),
            graphs: field(11, 'GraphProto', 'repeated'),
            sparse: field(22, 'SparseTensorProto', 'repeated'),
            sparses: field(23, 'SparseTensorProto', 'repeated'),
          },
        },
        NodeProto: { fields: { opType: field(4, 'string'), attribute: field(5, 'AttributeProto', 'repeated') } },
        GraphProto: {
          fields: {
            node: field(1, 'NodeProto', 'repeated'),
            name: field(2, 'string'),
            initializer: field(5, 'TensorProto', 'repeated'),
            sparseInitializer: field(15, 'SparseTensorProto', 'repeated'),
          },
        },
        FunctionProto: { fields: { node: field(7, 'NodeProto', 'repeated') } },
        ModelProto: {
          fields: {
            irVersion: field(1, 'int64'),
            graph: field(7, 'GraphProto', 'repeated'),
            opsetImport: field(8, 'OperatorSetIdProto', 'repeated'),
            functions: field(25, 'FunctionProto', 'repeated'),
          },
        },
      },
    },
  },
}
