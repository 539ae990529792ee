/* What a stream is, for the files of this folder. */
#ifndef THRUM_NET_STREAM_H
#define THRUM_NET_STREAM_H

#include <thrum/stream.h>

/* As thrum_stream_new; `socket` is what lies below, or NULL. */
int thrum__stream_new(const thrum_transport *transport, void *object, thrum_socket *socket,
                      const thrum_stream_options *options, thrum_stream **ret_stream);

#endif
