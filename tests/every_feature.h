/* Every feature, with what it requires, and the Security Manager in its larger form. */
#ifndef WOAD_TESTS_EVERY_FEATURE_H
#define WOAD_TESTS_EVERY_FEATURE_H

#include <woad/woad.h>

static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                  &woad_feature_scanner,
                                                  &woad_feature_central,
                                                  &woad_feature_reconnection,
                                                  &woad_feature_gatt_server,
                                                  &woad_feature_long_values,
                                                  &woad_feature_read_multiple,
                                                  &woad_feature_signed_writes,
                                                  &woad_feature_pipelining,
                                                  &woad_feature_type_index,
                                                  &woad_feature_gatt_client,
                                                  &woad_feature_client_features,
                                                  &woad_feature_accept_list,
                                                  &woad_feature_link_control,
                                                  &woad_feature_security_manager,
                                                  &woad_feature_keypresses,
                                                  &woad_feature_out_of_band,
                                                  &woad_feature_resolving_list,
                                                  &woad_feature_controller_crypto,
                                                  &woad_feature_watchdog,
                                                  &woad_feature_vendor_init,
                                                  &woad_feature_quirks,
                                                  &woad_feature_extended_advertising,
                                                  &woad_feature_l2cap_channels,
                                                  &woad_feature_enhanced_channels,
                                                  &woad_feature_eatt,
                                                  NULL };

#endif
