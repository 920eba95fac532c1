/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib-object.h>

#include "lamp-json.h"

G_BEGIN_DECLS

/* The envelope (section 3 of the specification): checked and written here, and nowhere else. */

/**
 * LAMP_EVENT_MAX_BYTES:
 *
 * The longest envelope, in bytes.
 */
#define LAMP_EVENT_MAX_BYTES (256 * 1024)

/**
 * LAMP_EVENT_MAX_DEPTH:
 *
 * How deep an envelope nests that holds the deepest payload: what lamp_json_check()
 * needs to be told when an envelope of ours is read again.
 */
#define LAMP_EVENT_MAX_DEPTH (LAMP_JSON_MAX_DEPTH + 1)

#define LAMP_TYPE_EVENT (lamp_event_get_type ())

/**
 * LampEvent:
 *
 * An event that was checked and still lacks its id and its clock: those are
 * given when it is stored. Immutable and counted, so it may cross threads.
 */
typedef struct _LampEvent LampEvent;

GType       lamp_event_get_type       (void) G_GNUC_CONST;

/**
 * lamp_event_new:
 * @mission_id: the mission; 1 to 128 characters
 * @event_type: what happened; 1 to 128 characters
 * @payload: a JSON object, at most 64 deep; its text is kept, but line breaks
 *   outside strings become spaces
 * @options: (nullable): a{sv} of what Emit takes (section 7 of the specification):
 *   causation_id, correlation_id, project_uuid, project_slug, schema_version,
 *   aggregate_id, timestamp, extra (s), data_tier (i). Not consumed if floating
 * @node_id: the id of our Lamport clock; 1 to 128 characters
 * @error: return location for an error
 *
 * Checks an event by every rule of section 3 of the specification and prepares its
 * envelope. What the caller doesn't give gets its default; the time is now. A time
 * that is given may be any ISO 8601 date and time with seconds and a zone and is
 * written as UTC with microseconds. aggregate_id has 1 to 256 characters,
 * schema_version 1 to 128. No text may hold control characters (U+0000 to U+001F,
 * U+007F to U+009F), except project_slug; none needs to be valid UTF-8 to be refused
 * properly.
 *
 * Errors: %LAMP_ERROR_INVALID_EVENT for whatever breaks a rule, for an option that
 * isn't known, is of another type or is given twice. The message begins with the
 * field, names the rule and what was found, and quotes at most 40 characters, none
 * of the payload.
 *
 * Returns: (transfer full): an event, or %NULL with @error set
 */
LampEvent  *lamp_event_new            (const char       *mission_id,
                                       const char       *event_type,
                                       const char       *payload,
                                       GVariant         *options,
                                       const char       *node_id,
                                       GError          **error);

/**
 * lamp_event_ref:
 * @self: an event
 *
 * Takes a reference, from any thread.
 *
 * Returns: (transfer full): @self
 */
LampEvent  *lamp_event_ref            (LampEvent        *self);
/**
 * lamp_event_unref:
 * @self: (transfer full): an event
 *
 * Gives a reference back, from any thread.
 */
void        lamp_event_unref          (LampEvent        *self);

/**
 * lamp_event_get_mission_id:
 * @self: an event
 *
 * Returns: (transfer none): the mission it was emitted for, whatever its aggregate
 */
const char *lamp_event_get_mission_id (const LampEvent  *self);
/**
 * lamp_event_get_event_type:
 * @self: an event
 *
 * Returns: (transfer none): its event_type
 */
const char *lamp_event_get_event_type (const LampEvent  *self);

/**
 * lamp_event_has_plain_mission:
 * @self: an event
 *
 * Tells whether lamp_event_dup_mission_of() finds the mission in the envelope. It
 * doesn't if the caller gave an aggregate_id of another kind; then the mission has to
 * be stored beside the envelope.
 *
 * Returns: %TRUE if it does
 */
gboolean    lamp_event_has_plain_mission (const LampEvent *self);

/**
 * lamp_event_to_envelope:
 * @self: an event
 * @event_id: its ULID, in upper case
 * @lamport_clock: its clock, 0 or more
 * @length: (out) (optional): bytes without the terminator; not set on an error
 * @error: return location for an error
 *
 * Writes the envelope: one line of JSON, its members in the order of section 3 of the
 * specification, no space between them. Everything was prepared, so this only
 * copies.
 *
 * Errors: %LAMP_ERROR_INVALID_EVENT if it is longer than %LAMP_EVENT_MAX_BYTES.
 *
 * Returns: (transfer full): the envelope, terminated, or %NULL with @error set
 */
char       *lamp_event_to_envelope    (const LampEvent  *self,
                                       const char       *event_id,
                                       gint64            lamport_clock,
                                       gsize            *length,
                                       GError          **error);

/**
 * lamp_event_dup_mission_of:
 * @envelope: a checked value, an envelope of whatever origin
 *
 * Finds the mission of a row that another tool wrote (section 3 of the
 * specification): what follows "mission/" in aggregate_id, else the payload's
 * mission_id if it is a string, else nothing. Its characters are not checked.
 *
 * Returns: (transfer full): the mission, "" if there is none
 */
char       *lamp_event_dup_mission_of (const LampJson   *envelope);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampEvent, lamp_event_unref)

G_END_DECLS
