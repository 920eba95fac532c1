/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-queue.h"
#include "lamp-replay.h"
#include "lamp-server-model.h"

G_BEGIN_DECLS

#define LAMP_TYPE_LAPTOP (lamp_laptop_get_type ())

/**
 * LampLaptop:
 *
 * A machine with an agent that starts, ends and is killed, and with other programs at the
 * same queue: the real queue in a real file, a replay, and a time that goes on when a
 * test says so.
 *
 * Signals:
 *   "started" (): there is a new queue and a new replay, which hasn't begun yet and
 *     takes its settings now.
 *   "rested" (): something has happened, and nothing more does before time goes on.
 */
G_DECLARE_FINAL_TYPE (LampLaptop, lamp_laptop, LAMP, LAPTOP, GObject)

/**
 * lamp_laptop_new:
 * @seed: of what the server decides
 */
LampLaptop      *lamp_laptop_new         (guint             seed);

LampServerModel *lamp_laptop_get_server  (LampLaptop       *self);

/**
 * lamp_laptop_get_queue:
 *
 * Returns: (transfer none) (nullable): the agent's queue, %NULL while there is no agent
 */
LampQueue       *lamp_laptop_get_queue   (LampLaptop       *self);

LampReplay      *lamp_laptop_get_replay  (LampLaptop       *self);

/**
 * lamp_laptop_get_time:
 *
 * Returns: µs of the world's time
 */
gint64           lamp_laptop_get_time    (LampLaptop       *self);

/**
 * lamp_laptop_get_delay:
 *
 * Returns: µs until the agent's next alarm, -1 if there is none
 */
gint64           lamp_laptop_get_delay   (LampLaptop       *self);

/**
 * lamp_laptop_start:
 *
 * Starts an agent where there is none.
 */
void             lamp_laptop_start       (LampLaptop       *self);

/**
 * lamp_laptop_quit:
 *
 * The agent ends and waits a little for what is in flight.
 */
void             lamp_laptop_quit        (LampLaptop       *self);

/**
 * lamp_laptop_kill:
 *
 * The agent is gone at once; of what is in flight the server may have taken everything.
 */
void             lamp_laptop_kill        (LampLaptop       *self);

/**
 * lamp_laptop_rest:
 *
 * Goes on until nothing more happens by itself.
 */
void             lamp_laptop_rest        (LampLaptop       *self);

/**
 * lamp_laptop_run:
 * @delay: µs
 *
 * Time goes on, and everything happens that is due.
 */
void             lamp_laptop_run         (LampLaptop       *self,
                                          gint64            delay);

/**
 * lamp_laptop_step:
 * @limit: µs
 *
 * Time goes on to the next thing that is due, at most for @limit. It begins, and what
 * follows from it is still to come.
 */
void             lamp_laptop_step        (LampLaptop       *self,
                                          gint64            limit);

/**
 * lamp_laptop_sleep:
 * @delay: µs
 * @told: whether anybody tells that it has woken up
 *
 * The machine sleeps: nothing happens, time goes on, and what was in flight is lost.
 */
void             lamp_laptop_sleep       (LampLaptop       *self,
                                          gint64            delay,
                                          gboolean          told);

/**
 * lamp_laptop_network_changed:
 *
 * The system says that the network is another one.
 */
void             lamp_laptop_network_changed (LampLaptop   *self);

/**
 * lamp_laptop_emit:
 * @nature: what the server makes of them, which is their event_type
 *
 * Emits events of ours and waits for the answer.
 */
void             lamp_laptop_emit        (LampLaptop       *self,
                                          LampNature        nature,
                                          guint             count);

/**
 * lamp_laptop_write:
 *
 * Another program inserts an event; the agent hasn't noticed yet.
 */
void             lamp_laptop_write       (LampLaptop       *self,
                                          const char       *event_id,
                                          LampNature        nature);

/**
 * lamp_laptop_erase:
 *
 * Another program deletes an event, unless it was delivered meanwhile.
 *
 * Returns: whether it was there
 */
gboolean         lamp_laptop_erase       (LampLaptop       *self,
                                          const char       *event_id);

/**
 * lamp_laptop_look:
 *
 * The agent notices what other programs have written.
 */
void             lamp_laptop_look        (LampLaptop       *self);

/**
 * lamp_laptop_resend_all:
 *
 * A person wants all failed events sent again.
 */
void             lamp_laptop_resend_all  (LampLaptop       *self);

/**
 * lamp_laptop_assert_sound:
 *
 * Fails the test if the queue's file isn't as it should be.
 */
void             lamp_laptop_assert_sound (LampLaptop      *self);

G_END_DECLS
