/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-receiver-store.h"

G_BEGIN_DECLS

#define LAMP_TYPE_RECEIVER (lamp_receiver_get_type ())
G_DECLARE_FINAL_TYPE (LampReceiver, lamp_receiver, LAMP, RECEIVER, GObject)

LampReceiver *lamp_receiver_new              (const char          *address,
                                              guint                port,
                                              const char          *token,
                                              LampReceiverStore   *store);

void          lamp_receiver_set_reject_types (LampReceiver        *self,
                                              const char *const   *event_types);

gboolean      lamp_receiver_listen           (LampReceiver        *self,
                                              GError             **error);

char         *lamp_receiver_dup_url          (LampReceiver        *self);

G_END_DECLS
