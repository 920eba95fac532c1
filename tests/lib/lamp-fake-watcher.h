/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * LampFakeWatcherMood:
 * @LAMP_FAKE_WATCHER_WELL: takes every item
 * @LAMP_FAKE_WATCHER_PATHS_ONLY: takes items by their path only
 * @LAMP_FAKE_WATCHER_ILL: answers with errors
 * @LAMP_FAKE_WATCHER_SECRETIVE: takes every item and lists another one
 *
 * How a watcher behaves.
 */
typedef enum
{
  LAMP_FAKE_WATCHER_WELL,
  LAMP_FAKE_WATCHER_PATHS_ONLY,
  LAMP_FAKE_WATCHER_ILL,
  LAMP_FAKE_WATCHER_SECRETIVE,
} LampFakeWatcherMood;

/**
 * LampFakeWatcher:
 *
 * An org.kde.StatusNotifierWatcher that does as it is told. It drops an item whose connection has
 * ended, as the real ones do.
 */
typedef struct _LampFakeWatcher LampFakeWatcher;

/**
 * lamp_fake_watcher_new:
 * @at: whether items are listed as ":1.2@/PATH", as GNOME's watcher does, and not as ":1.2/PATH"
 *
 * Returns: (transfer full): a watcher that isn't up yet
 */
LampFakeWatcher *lamp_fake_watcher_new           (const char          *bus_address,
                                                  gboolean             at);

void             lamp_fake_watcher_free          (LampFakeWatcher     *self);

/**
 * lamp_fake_watcher_up:
 *
 * Takes the watcher's name, and knows no item.
 */
void             lamp_fake_watcher_up            (LampFakeWatcher     *self);

void             lamp_fake_watcher_down          (LampFakeWatcher     *self);

void             lamp_fake_watcher_set_mood      (LampFakeWatcher     *self,
                                                  LampFakeWatcherMood  mood);

void             lamp_fake_watcher_set_has_host  (LampFakeWatcher     *self,
                                                  gboolean             has_host);

/**
 * lamp_fake_watcher_drop:
 *
 * Forgets all items.
 */
void             lamp_fake_watcher_drop          (LampFakeWatcher     *self);

/**
 * lamp_fake_watcher_get_item:
 *
 * Returns: (transfer none) (nullable): the unique name of the one item that is registered
 */
const char      *lamp_fake_watcher_get_item      (LampFakeWatcher     *self);

/**
 * lamp_fake_watcher_get_n_calls:
 *
 * Returns: how often an item was to be registered
 */
guint            lamp_fake_watcher_get_n_calls   (LampFakeWatcher     *self);

/**
 * lamp_fake_watcher_get_n_reads:
 *
 * Returns: how often its list was read
 */
guint            lamp_fake_watcher_get_n_reads   (LampFakeWatcher     *self);

GDBusConnection *lamp_fake_watcher_get_connection (LampFakeWatcher    *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampFakeWatcher, lamp_fake_watcher_free)

G_END_DECLS
