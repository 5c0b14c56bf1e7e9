"""Protocol buffers without anyone's generated code: whole messages from a schema, and fields read where they lie.

Caffe's and TensorFlow's files are protocol buffers. The rooms of both formats have their schemas; what all protocol
buffers share is here.
"""
