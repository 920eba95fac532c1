/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-bus-generated.h"

G_BEGIN_DECLS

#define LAMP_TYPE_CLIENT (lamp_client_get_type ())

/**
 * LampClient:
 *
 * The agent, seen from another program. It outlives the agent: when that goes,
 * #LampClient:available becomes %FALSE, and %TRUE again once another one has
 * taken the name and its properties were read.
 */
G_DECLARE_FINAL_TYPE (LampClient, lamp_client, LAMP, CLIENT, GObject)

/**
 * lamp_client_new_sync:
 * @connection: (nullable): a connection to the session bus, or %NULL for the shared one
 * @cancellable: (nullable): to give up
 * @error: return location for the reason
 *
 * Starts the agent if the bus knows how, and reads its properties. Blocks meanwhile.
 * An agent that neither runs nor can be started is no error: the client is not
 * available then.
 *
 * Returns: (transfer full) (nullable): a client
 */
LampClient    *lamp_client_new_sync      (GDBusConnection *connection,
                                          GCancellable    *cancellable,
                                          GError         **error);

/**
 * lamp_client_new_async:
 * @connection: (nullable): a connection to the session bus, or %NULL for the shared one
 * @cancellable: (nullable): to give up
 *
 * Looks for an agent and reads its properties. Starts none, neither now nor with a
 * later call: that is what lamp_client_start_agent_async() is for.
 */
void           lamp_client_new_async     (GDBusConnection     *connection,
                                          GCancellable        *cancellable,
                                          GAsyncReadyCallback  callback,
                                          gpointer             user_data);

/**
 * lamp_client_new_finish:
 *
 * Returns: (transfer full) (nullable): a client, which may not be available; %NULL
 *   without a session bus
 */
LampClient    *lamp_client_new_finish    (GAsyncResult        *result,
                                          GError             **error);

/**
 * lamp_client_start_agent_async:
 * @cancellable: (nullable): to give up
 *
 * Asks the bus to start the agent. #LampClient:available follows soon after.
 */
void           lamp_client_start_agent_async  (LampClient          *self,
                                               GCancellable        *cancellable,
                                               GAsyncReadyCallback  callback,
                                               gpointer             user_data);

/**
 * lamp_client_start_agent_finish:
 *
 * Returns: %FALSE with @error if the bus doesn't know the agent, or if it ended at once
 */
gboolean       lamp_client_start_agent_finish (LampClient          *self,
                                               GAsyncResult        *result,
                                               GError             **error);

/**
 * lamp_client_get_proxy:
 *
 * Returns: (transfer none): the agent's methods, properties and signals; the same
 *   object for as long as the client lives
 */
LampBusAgent1 *lamp_client_get_proxy     (LampClient      *self);

/**
 * lamp_client_get_available:
 *
 * Returns: whether an agent answers and the proxy's properties are its
 */
gboolean       lamp_client_get_available (LampClient      *self);

/**
 * lamp_client_dup_properties:
 *
 * Returns: (transfer full): the agent's properties by their names on D-Bus, an a{sv};
 *   empty without an agent
 */
GVariant      *lamp_client_dup_properties (LampClient     *self);

G_END_DECLS
