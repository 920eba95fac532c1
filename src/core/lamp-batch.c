/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-batch.h"

#include <string.h>

#define BODY_HEAD "{\"events\":["
#define BODY_TAIL "]}"

struct _LampBatch
{
  GArray *events;    /* (owned) of LampBatchEvent */
  GHashTable *index; /* (owned) event id → position + 1; the keys are the events' */
  GString *body;     /* (owned) finished at any time: each event is put before the tail */
};

G_DEFINE_BOXED_TYPE (LampBatch, lamp_batch, lamp_batch_ref, lamp_batch_unref)

static void
clear_event (gpointer data)
{
  LampBatchEvent *event = data;

  g_clear_pointer (&event->event_id, g_free);
}

static void
clear_batch (gpointer data)
{
  LampBatch *self = data;

  g_clear_pointer (&self->index, g_hash_table_unref);
  g_clear_pointer (&self->events, g_array_unref);
  g_string_free (g_steal_pointer (&self->body), TRUE);
}

LampBatch *
lamp_batch_new (void)
{
  LampBatch *self = g_atomic_rc_box_new0 (LampBatch);

  self->events = g_array_new (FALSE, FALSE, sizeof (LampBatchEvent));
  g_array_set_clear_func (self->events, clear_event);
  self->index = g_hash_table_new (g_str_hash, g_str_equal);
  self->body = g_string_new (BODY_HEAD BODY_TAIL);

  return self;
}

LampBatch *
lamp_batch_ref (LampBatch *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_atomic_rc_box_acquire (self);
}

void
lamp_batch_unref (LampBatch *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_rc_box_release_full (self, clear_batch);
}

static void
append_envelope (LampBatch  *self,
                 const char *envelope,
                 gsize       length)
{
  g_string_truncate (self->body, self->body->len - strlen (BODY_TAIL));
  if (self->events->len > 0)
    g_string_append_c (self->body, ',');
  g_string_append_len (self->body, envelope, length);
  g_string_append (self->body, BODY_TAIL);
}

gboolean
lamp_batch_add (LampBatch  *self,
                gint64      id,
                gint64      revision,
                const char *event_id,
                const char *envelope,
                gsize       length,
                gsize       max_bytes)
{
  LampBatchEvent event = { .id = id, .revision = revision };
  gsize used;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (event_id != NULL, FALSE);
  g_return_val_if_fail (envelope != NULL, FALSE);

  used = self->body->len + (self->events->len > 0 ? 1 : 0);
  if (used > max_bytes || length > max_bytes - used)
    return FALSE;

  if (g_hash_table_contains (self->index, event_id))
    return FALSE;

  append_envelope (self, envelope, length);

  event.event_id = g_strdup (event_id);
  g_array_append_val (self->events, event);
  g_hash_table_insert (self->index, event.event_id, GUINT_TO_POINTER (self->events->len));

  return TRUE;
}

guint
lamp_batch_get_size (const LampBatch *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->events->len;
}

const LampBatchEvent *
lamp_batch_get_event (const LampBatch *self,
                      guint            index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->events->len, NULL);

  return &g_array_index (self->events, LampBatchEvent, index);
}

gboolean
lamp_batch_find (const LampBatch *self,
                 const char      *event_id,
                 guint           *index)
{
  guint position;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (event_id != NULL, FALSE);

  position = GPOINTER_TO_UINT (g_hash_table_lookup (self->index, event_id));
  if (position == 0)
    return FALSE;

  if (index != NULL)
    *index = position - 1;

  return TRUE;
}

static void
release_batch (gpointer data)
{
  lamp_batch_unref (data);
}

/* The bytes are the batch's own: half a megabyte that waits for its third try is there once. */
GBytes *
lamp_batch_dup_body (LampBatch *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_bytes_new_with_free_func (self->body->str, self->body->len, release_batch,
                                     lamp_batch_ref (self));
}
