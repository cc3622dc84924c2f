/* HCI's numbers that the host uses.  Vol 4, Part E */
#ifndef WOAD_HCI_NUMBERS_H
#define WOAD_HCI_NUMBERS_H

#include <stdint.h>

enum { H4_COMMAND = 1, H4_ACL = 2, H4_SCO = 3, H4_EVENT = 4, H4_ISO = 5 };

enum {
    OP_NOP                       = 0,
    OP_DISCONNECT                = 0x01 << 10 | 0x06,
    OP_SET_EVENT_MASK            = 0x03 << 10 | 0x01,
    OP_RESET                     = 0x03 << 10 | 0x03,
    OP_READ_LOCAL_VERSION        = 0x04 << 10 | 0x01,
    OP_READ_LOCAL_COMMANDS       = 0x04 << 10 | 0x02,
    OP_READ_LOCAL_FEATURES       = 0x04 << 10 | 0x03,
    OP_READ_BUFFER_SIZE          = 0x04 << 10 | 0x05,
    OP_READ_REMOTE_VERSION       = 0x01 << 10 | 0x1d,
    OP_READ_TX_POWER             = 0x03 << 10 | 0x2d,
    OP_READ_RSSI                 = 0x05 << 10 | 0x05,
    OP_READ_BD_ADDR              = 0x04 << 10 | 0x09,
    OP_LE_SET_EVENT_MASK         = 0x08 << 10 | 0x01,
    OP_LE_READ_BUFFER_SIZE       = 0x08 << 10 | 0x02,
    OP_LE_READ_FEATURES          = 0x08 << 10 | 0x03,
    OP_LE_SET_RANDOM_ADDRESS     = 0x08 << 10 | 0x05,
    OP_LE_SET_ADV_PARAMS         = 0x08 << 10 | 0x06,
    OP_LE_SET_ADV_DATA           = 0x08 << 10 | 0x08,
    OP_LE_SET_SCAN_RSP_DATA      = 0x08 << 10 | 0x09,
    OP_LE_SET_ADV_ENABLE         = 0x08 << 10 | 0x0a,
    OP_LE_SET_SCAN_PARAMS        = 0x08 << 10 | 0x0b,
    OP_LE_SET_SCAN_ENABLE        = 0x08 << 10 | 0x0c,
    OP_LE_CREATE_CONNECTION      = 0x08 << 10 | 0x0d,
    OP_LE_CREATE_CONNECTION_CANCEL = 0x08 << 10 | 0x0e,
    OP_LE_CLEAR_ACCEPT_LIST      = 0x08 << 10 | 0x10,
    OP_LE_ADD_ACCEPT_LIST        = 0x08 << 10 | 0x11,
    OP_LE_SET_HOST_CHANNELS      = 0x08 << 10 | 0x14,
    OP_LE_READ_CHANNEL_MAP       = 0x08 << 10 | 0x15,
    OP_LE_READ_REMOTE_FEATURES   = 0x08 << 10 | 0x16,
    OP_LE_SET_DATA_LENGTH        = 0x08 << 10 | 0x22,
    OP_LE_READ_PHY               = 0x08 << 10 | 0x30,
    OP_LE_SET_PHY                = 0x08 << 10 | 0x32,
    OP_LE_CONNECTION_UPDATE      = 0x08 << 10 | 0x13,
    OP_LE_ENCRYPT                = 0x08 << 10 | 0x17,
    OP_LE_READ_P256              = 0x08 << 10 | 0x25,
    OP_LE_DHKEY                  = 0x08 << 10 | 0x26,
    OP_LE_ADD_RESOLVING          = 0x08 << 10 | 0x27,
    OP_LE_CLEAR_RESOLVING        = 0x08 << 10 | 0x29,
    OP_LE_SET_RESOLUTION         = 0x08 << 10 | 0x2d,
    OP_LE_SET_PRIVACY_MODE       = 0x08 << 10 | 0x4e,
    OP_LE_RAND                   = 0x08 << 10 | 0x18,
    OP_LE_ENABLE_ENCRYPTION      = 0x08 << 10 | 0x19,
    OP_LE_LTK_REPLY              = 0x08 << 10 | 0x1a,
    OP_LE_LTK_NEGATIVE_REPLY     = 0x08 << 10 | 0x1b,
    OP_LE_CONN_PARAM_REPLY       = 0x08 << 10 | 0x20,
    OP_LE_CONN_PARAM_NEGATIVE    = 0x08 << 10 | 0x21,
    OP_LE_WRITE_DEFAULT_DATA_LEN = 0x08 << 10 | 0x24,
    OP_LE_SET_ADV_SET_ADDRESS    = 0x08 << 10 | 0x35,
    OP_LE_SET_EXT_ADV_PARAMS     = 0x08 << 10 | 0x36,
    OP_LE_SET_EXT_ADV_DATA       = 0x08 << 10 | 0x37,
    OP_LE_SET_EXT_SCAN_RSP_DATA  = 0x08 << 10 | 0x38,
    OP_LE_SET_EXT_ADV_ENABLE     = 0x08 << 10 | 0x39,
    OP_LE_REMOVE_ADV_SET         = 0x08 << 10 | 0x3c,
    OP_LE_SET_EXT_SCAN_PARAMS    = 0x08 << 10 | 0x41,
    OP_LE_SET_EXT_SCAN_ENABLE    = 0x08 << 10 | 0x42,
    OP_LE_EXT_CREATE_CONNECTION  = 0x08 << 10 | 0x43,
    OP_LE_READ_BUFFER_SIZE_V2    = 0x08 << 10 | 0x60,
    OP_WRITE_LE_HOST_SUPPORT     = 0x03 << 10 | 0x6d
};

enum {
    EVT_DISCONNECTION_COMPLETE   = 0x05,
    EVT_ENCRYPTION_CHANGE        = 0x08,
    EVT_REMOTE_VERSION           = 0x0c,
    EVT_COMMAND_COMPLETE         = 0x0e,
    EVT_COMMAND_STATUS           = 0x0f,
    EVT_HARDWARE_ERROR           = 0x10,
    EVT_COMPLETED_PACKETS        = 0x13,
    EVT_KEY_REFRESH              = 0x30,
    EVT_LE_META                  = 0x3e
};

enum { LE = 0x80 };                      /* a subevent of LE Meta, in struct conn_event */
enum {
    LE_CONNECTION_COMPLETE       = 0x01,
    LE_ADVERTISING_REPORT        = 0x02,
    LE_CONNECTION_UPDATE         = 0x03,
    LE_REMOTE_FEATURES           = 0x04,
    LE_LTK_REQUEST               = 0x05,
    LE_CONN_PARAM_REQUEST        = 0x06,
    LE_DATA_LENGTH_CHANGE        = 0x07,
    LE_P256_COMPLETE             = 0x08,
    LE_DHKEY_COMPLETE            = 0x09,
    LE_ENHANCED_CONNECTION_COMPLETE = 0x0a,
    LE_PHY_UPDATE                = 0x0c,
    LE_EXT_REPORT                = 0x0d,
    LE_ADV_SET_TERMINATED        = 0x12
};

#endif
