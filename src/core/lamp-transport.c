/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-transport.h"

G_DEFINE_INTERFACE (LampTransport, lamp_transport, G_TYPE_OBJECT)

static void
lamp_transport_default_init (LampTransportInterface *iface)
{
}

const char *
lamp_transport_get_origin (LampTransport *self)
{
  g_return_val_if_fail (LAMP_IS_TRANSPORT (self), NULL);

  return LAMP_TRANSPORT_GET_IFACE (self)->get_origin (self);
}

void
lamp_transport_send_async (LampTransport      *self,
                           LampBatch          *batch,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_TRANSPORT (self));
  g_return_if_fail (batch != NULL);

  LAMP_TRANSPORT_GET_IFACE (self)->send_async (self, batch, cancellable, callback, user_data);
}

LampOutcome *
lamp_transport_send_finish (LampTransport *self,
                            GAsyncResult  *result)
{
  g_return_val_if_fail (LAMP_IS_TRANSPORT (self), NULL);

  return LAMP_TRANSPORT_GET_IFACE (self)->send_finish (self, result);
}

void
lamp_transport_probe_async (LampTransport      *self,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  g_return_if_fail (LAMP_IS_TRANSPORT (self));

  LAMP_TRANSPORT_GET_IFACE (self)->probe_async (self, cancellable, callback, user_data);
}

LampOutcome *
lamp_transport_probe_finish (LampTransport *self,
                             GAsyncResult  *result,
                             LampLimits    *limits)
{
  g_return_val_if_fail (LAMP_IS_TRANSPORT (self), NULL);
  g_return_val_if_fail (limits != NULL, NULL);

  return LAMP_TRANSPORT_GET_IFACE (self)->probe_finish (self, result, limits);
}
