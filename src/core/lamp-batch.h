/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* The most that a server of any age takes in one request (section 6 of the specification):
 * events, and bytes of the body, uncompressed. */
#define LAMP_BATCH_MAX_EVENTS 100
#define LAMP_BATCH_MAX_BYTES (512 * 1024)

#define LAMP_TYPE_BATCH (lamp_batch_get_type ())

/**
 * LampBatchEvent:
 * @id: its row in the queue
 * @revision: counts how often another program changed the row's bytes
 * @event_id: (not nullable) the envelope's event_id, by which a server answers
 *
 * One event of a batch, as it was read. An answer counts only for the row as it
 * was sent.
 */
typedef struct
{
  gint64 id;
  gint64 revision;
  char *event_id;
} LampBatchEvent;

/**
 * LampBatch:
 *
 * Events on their way to the server, and the body of the request that carries
 * them: the stored bytes spliced into {"events":[…]}. Counted; filled once by
 * the store and immutable from then on, so it may cross threads.
 */
typedef struct _LampBatch LampBatch;

GType                 lamp_batch_get_type  (void) G_GNUC_CONST;

/**
 * lamp_batch_new:
 *
 * Makes a batch without events.
 *
 * Returns: (transfer full): a batch
 */
LampBatch            *lamp_batch_new       (void);
/**
 * lamp_batch_ref:
 * @self: a batch
 *
 * Takes a reference, from any thread.
 *
 * Returns: (transfer full): @self
 */
LampBatch            *lamp_batch_ref       (LampBatch       *self);
/**
 * lamp_batch_unref:
 * @self: (transfer full): a batch
 *
 * Gives a reference back, from any thread.
 */
void                  lamp_batch_unref     (LampBatch       *self);

/**
 * lamp_batch_add:
 * @self: a batch whose body was not handed out yet
 * @id: the event's row in the queue
 * @revision: how often the row's bytes were changed
 * @event_id: the event's id; copied
 * @envelope: (array length=length): the stored bytes, a JSON object; copied
 * @length: bytes
 * @max_bytes: how long the whole body may get, uncompressed
 *
 * Puts an event at the end, unless the body would get longer than @max_bytes or the
 * batch holds an event of that id already: a server's answer couldn't tell the two
 * apart. Then nothing changes.
 *
 * Returns: %TRUE if the event is in the batch now
 */
gboolean              lamp_batch_add       (LampBatch       *self,
                                            gint64           id,
                                            gint64           revision,
                                            const char      *event_id,
                                            const char      *envelope,
                                            gsize            length,
                                            gsize            max_bytes);

/**
 * lamp_batch_get_size:
 * @self: a batch
 *
 * Returns: how many events it holds
 */
guint                 lamp_batch_get_size  (const LampBatch *self);

/**
 * lamp_batch_get_event:
 * @self: a batch
 * @index: less than lamp_batch_get_size()
 *
 * Returns: (transfer none): the event, valid until one is added or the batch is gone
 */
const LampBatchEvent *lamp_batch_get_event (const LampBatch *self,
                                            guint            index);

/**
 * lamp_batch_find:
 * @self: a batch
 * @event_id: an event's id; compared byte for byte
 * @index: (out) (optional): its place; not set on %FALSE
 *
 * Finds an event in constant time.
 *
 * Returns: %TRUE if the batch holds it
 */
gboolean              lamp_batch_find      (const LampBatch *self,
                                            const char      *event_id,
                                            guint           *index);

/**
 * lamp_batch_dup_body:
 * @self: a batch
 *
 * Gives the body of the request, as often as it is tried: {"events":[…]} around the
 * stored bytes, without a terminator. The bytes are not copied and keep the batch
 * alive; no event may be added from now on.
 *
 * Returns: (transfer full): the body
 */
GBytes               *lamp_batch_dup_body  (LampBatch       *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampBatch, lamp_batch_unref)

G_END_DECLS
