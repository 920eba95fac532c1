/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/**
 * LAMP_RECEIVER_STORE_MEMORY:
 *
 * The name that stands for a store without a file, gone when the program ends.
 */
#define LAMP_RECEIVER_STORE_MEMORY ":memory:"

#define LAMP_TYPE_RECEIVER_STORE (lamp_receiver_store_get_type ())
G_DECLARE_FINAL_TYPE (LampReceiverStore, lamp_receiver_store, LAMP, RECEIVER_STORE, GObject)

LampReceiverStore *lamp_receiver_store_open  (const char         *path,
                                              GError            **error);

gboolean           lamp_receiver_store_add   (LampReceiverStore  *self,
                                              GPtrArray          *events,
                                              GError            **error);

gboolean           lamp_receiver_store_list  (LampReceiverStore  *self,
                                              const char         *mission,
                                              gint64              after,
                                              guint               limit,
                                              GString            *json,
                                              gint64             *next,
                                              GError            **error);

gboolean           lamp_receiver_store_count (LampReceiverStore  *self,
                                              const char         *mission,
                                              gint64             *count,
                                              GError            **error);

G_END_DECLS
