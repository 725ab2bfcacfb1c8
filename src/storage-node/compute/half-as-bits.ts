/**
 * Keeps float16 tensors as raw bits (`Uint16Array`) on every version of Node. Where a thread has `Float16Array` (Node 24),
 * the JavaScript half of onnxruntime-node 1.27 makes one of each float16 tensor, and its native half then reads none of
 * its bytes ("not enough space: expected 6, got 0"). It looks for the class when the first tensor is made. So a compute
 * thread, which holds no other code, removes it: import this before onnxruntime-node.
 */
Reflect.deleteProperty(globalThis, 'Float16Array')
