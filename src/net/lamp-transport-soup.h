/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-transport.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRANSPORT_SOUP (lamp_transport_soup_get_type ())

/**
 * LampTransportSoup:
 *
 * The way to the server over HTTP (section 6 of the specification). TLS is always
 * verified, no redirect is followed, and the token goes to the server's origin only.
 */
G_DECLARE_FINAL_TYPE (LampTransportSoup, lamp_transport_soup, LAMP, TRANSPORT_SOUP, GObject)

LampTransportSoup *lamp_transport_soup_new        (void);

/**
 * lamp_transport_soup_set_server:
 * @url: (nullable): the server's address; %NULL or empty for none
 * @allow_insecure: whether http:// may leave this machine
 * @error: return location for a %LAMP_ERROR_INVALID_ARGS that says what is wrong
 *   with @url
 *
 * Returns: %FALSE with @error set if there is no server now because @url is wrong
 */
gboolean           lamp_transport_soup_set_server (LampTransportSoup  *self,
                                                   const char         *url,
                                                   gboolean            allow_insecure,
                                                   GError            **error);

/**
 * lamp_transport_soup_set_token:
 * @token: (nullable): sent as Authorization: Bearer; %NULL or empty for none
 */
void               lamp_transport_soup_set_token  (LampTransportSoup  *self,
                                                   const char         *token);

/**
 * lamp_transport_soup_set_compress:
 * @compress: whether to send gzip even before the server has said that it takes it
 */
void               lamp_transport_soup_set_compress (LampTransportSoup *self,
                                                     gboolean           compress);

G_END_DECLS
