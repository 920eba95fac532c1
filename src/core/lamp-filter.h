/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-row.h"

G_BEGIN_DECLS

/**
 * LAMP_LIST_MAX:
 *
 * The most rows in a page of a list (List in section 7 of the specification).
 */
#define LAMP_LIST_MAX 1000

/**
 * LampFilter:
 * @all: whether events of every status are wanted; @status is ignored then
 * @status: the status that is wanted
 * @mission_id: (owned) (nullable): this mission only
 * @event_type: (owned) (nullable): this type only
 * @text: (owned) (nullable): only envelopes that contain it, ASCII letters in either case
 *
 * Which events a list shows.
 */
typedef struct
{
  gboolean all;
  LampStatus status;
  char *mission_id;
  char *event_type;
  char *text;
} LampFilter;

/**
 * lamp_filter_new:
 * @options: (nullable): an a{sv} with the keys status, mission_id, event_type and text
 * @error: return location for a %LAMP_ERROR_INVALID_ARGS that names the key
 *
 * Returns: (transfer full) (nullable): a filter, or %NULL with @error set
 */
LampFilter *lamp_filter_new       (GVariant         *options,
                                   GError          **error);

LampFilter *lamp_filter_copy      (const LampFilter *self);

void        lamp_filter_free      (LampFilter       *self);

/**
 * lamp_filter_check_page:
 * @cursor: where the page starts; 0 or what the page before has given
 * @limit: rows wanted
 * @error: return location for a %LAMP_ERROR_INVALID_ARGS
 *
 * Returns: %FALSE with @error set if there is no such page
 */
gboolean    lamp_filter_check_page (gint64            cursor,
                                    guint             limit,
                                    GError          **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampFilter, lamp_filter_free)

G_END_DECLS
