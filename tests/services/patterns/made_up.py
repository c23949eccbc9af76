"""Invented lines in the style of systems that the known data do not have; `«»` stand for braces."""

import random
import re
from collections.abc import Callable

USERS = [
    "root",
    "admin",
    "bob",
    "alice",
    "carol",
    "dave",
    "erin",
    "frank",
    "grace",
    "heidi",
    "ivan",
    "judy",
    "mallory",
    "oscar",
    "peggy",
    "trent",
]
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
]
HOSTS = [
    "www.example.com",
    "mail.example.org",
    "play.example.com",
    "api.example.net",
    "proxy.corp.example.net",
    "cdn.example.org",
]
APPS = [
    "com.tencent.mm",
    "com.android.systemui",
    "com.example.gms",
    "com.whatsapp",
    "com.android.phone",
    "com.example.health",
]
ACTIVITIES = ["com.example.qtl/.activity.MainActivity", "com.android.settings/.Settings", "com.whatsapp/.HomeActivity"]
PARTS = ("alt0", "SCSI-WWID:01000010:6005-08b4-0001-00c6-0006-3000-003d-0000", "scip0")


def lines(system: str, count: int, seed: int) -> tuple[list[str], list[str]]:
    """`count` messages of a system, and the template of each; a few templates are most of the lines, as in life."""
    chance = random.Random(seed)
    templates = SYSTEMS[system].strip().split("\n")
    chosen = [templates[_rank(chance) % len(templates)] for _ in range(count)]
    values = _values(chance)
    messages = [re.sub(r"\{(\w+)\}", lambda found: values[found[1]](), each) for each in chosen]
    return [each.replace("«", "{").replace("»", "}") for each in messages], chosen


def _rank(chance: random.Random) -> int:
    return int(chance.paretovariate(0.6)) - 1 if chance.random() < 0.7 else chance.randrange(1000)


def _values(chance: random.Random) -> dict[str, Callable[[], str]]:
    def hexadecimal(length: int) -> str:
        return "".join(chance.choice("0123456789abcdef") for _ in range(length))

    def some(least: int, most: int, make: Callable[[], str], by: str = " ") -> str:
        return by.join(make() for _ in range(chance.randint(least, most)))

    def small() -> str:
        return str(chance.randrange(1, 200))

    def one_of(texts: list[str]) -> Callable[[], str]:
        return lambda: chance.choice(texts)

    return {
        "number": lambda: str(chance.randrange(10 ** chance.randrange(1, 7))),
        "small": small,
        "hex": lambda: "0x" + hexadecimal(8),
        "hex8": lambda: hexadecimal(8),
        "hex4": lambda: hexadecimal(4),
        "guid": lambda: "-".join(map(hexadecimal, (8, 4, 4, 4, 12))),
        "ip": lambda: some(4, 4, small, "."),
        "mac": lambda: some(6, 6, lambda: hexadecimal(2), ":"),
        "user": one_of(USERS),
        "word": one_of(WORDS),
        "host": one_of(HOSTS),
        "app": one_of(APPS),
        "activity": one_of(ACTIVITIES),
        "alt": one_of(list(PARTS)),
        "bool": one_of(["true", "false"]),
        "node": lambda: f"node-{small()}",
        "bgl": lambda: f"R{small()}-M{small()}-N{small()}-C:J{small()}-U{small()}",
        "size": lambda: f"{small()}.{small()} {chance.choice(['KB', 'MB'])}",
        "lifetime": lambda: chance.choice(["<1 sec", f"00:{small()}", f"1:02:{small()}"]),
        "path": lambda: "/" + some(2, 4, one_of(WORDS), "/") + chance.choice(["", ".conf", f"/{small()}.log"]),
        "pkg": lambda: f"Package_for_KB{small()}~31bf3856ad364e35~amd64~~6.1.{small()}.{small()}",
        "fan": lambda: some(6, 6, lambda: chance.choice([small(), "****"])),
        "tb": lambda: chance.choice("abcd") + chance.choice("an") + small(),
        "day": one_of(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]),
        "month": one_of(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug"]),
        "ld": one_of(["awdl0", "en0", "en1"]),
    }


SYSTEMS = {
    "BGL": r"""
instruction cache parity error corrected
CE sym {small}, at {hex}, mask 0x{hex4}
total of {small} ddr error(s) detected and corrected
{small} ddr errors(s) detected and corrected on rank {small}, symbol {small}, bit {small}
generating core.{number}
ciod: failed to read message prefix on control stream (CioStream socket to {ip}:{number}
ciod: Error reading message prefix after LOGIN_MESSAGE on CioStream socket to {ip}:{number}: Link has been severed
ciod: LOGIN chdir(/home/{user}/{word}) failed: No such file or directory
ciod: Error loading {path}: invalid or missing program image, No such file or directory
ciod: Error loading {path}: program image too big, {number} > {number}
ciod: cpu {small} at treeaddr {small} sent unrecognized message {hex}
data TLB error interrupt
data storage interrupt
rts: kernel terminated for reason {small}
rts panic! - stopping execution
machine check interrupt (bit={hex}): L2 dcache unit data parity error
iar {hex8} dear {hex8}
lr:{hex8} cr:{hex8} xer:{hex8} ctr:{hex8}
r{small}={hex} r{small}={hex} r{small}={hex} r{small}={hex}
problem state (0=sup,1=usr).......{small}
floating point instr. enabled.....{small}
machine check enable..............{small}
floating pt ex mode 0 enable......{small}
debug wait enable.................{small}
debug interrupt enable............{small}
instruction address space.........{small}
data address space................{small}
program interrupt: fp cr field .............{small}
program interrupt: fp cr update.............{small}
{small} microseconds spent in the rbs signal handler during {small} calls. {small} microseconds was the maximum time for a single instance of a correctable ddr.
{small} L3 EDRAM error(s) (dcr 0x{hex4}) detected and corrected
{small} torus receiver x+ input pipe error(s) (dcr 0x{hex4}) detected and corrected
{small} torus receiver y- input pipe error(s) (dcr 0x{hex4}) detected and corrected
{small} torus sender z+ retransmission error(s) (dcr 0x{hex4}) detected and corrected
{small} floating point alignment exceptions
{small} double-hummer alignment exceptions
ciodb has been restarted.
idoproxydb hit ASSERT condition: ASSERT expression=0 Source file=idotransportmgr.cpp Source line={small} Function=int IdoTransportMgr::SendPacket(IdoUdpMgr*, BglCtlPavTrace*)
Node card VPD check: missing U{small} node, VPD ecid {hex8}{hex8} in processor card slot J{small}
Node card is not fully functional
MidplaneSwitchController performing bit sparing on {bgl} bit {small}
PrepareForService shutting down NodeCard(mLctn({bgl}), mCardSernum(203231503833343000000000594c31304b3432393630415), mLp(FF:F2:9F:16:E4:FD:00:0D:60:E9:23:6A), mIp({ip}), mType(4)) as part of Service Action {small}
Lustre mount FAILED : bglio{small} : block_id : location
""",
    "HPC": r"""
Component State Change: Component \042{alt}\042 is in the unavailable state (HWID={number})
Component State Change: Component \042{alt}\042 is in the normal state (HWID={number})
Targeting domains:node-D{small} and nodes:node-[{small}-{small}] child of command {number}
PSU status ( on on )
psu failure\ ambient={small}
Fan speeds ( {fan} )
Temperature ({small}) exceeds warning threshold
Link error on broadcast tree Interconnect-0T00:00:{small}:{small}
Link error
Link in reset
Link ok
ServerFileSystem: An ServerFileSystem domain panic has occurred on storage{small}
ServerFileSystem domain storage{small} is full
ClusterFileSystem: There is no server for ServerFileSystem domain storage{small}
ClusterFileSystem: ServerFileSystem domain root{small}_domain is full
inconsistent nodesets {node} 0x{hex8} <ok> {node} 0x{hex8} <ok>
boot (command {number}) Error: machine check on {node}
boot (command {number}) Targeting hosts {node} and {node}
halt (command {number}) Error: state {word} not reached
Command has completed successfully
Command has been aborted
NIFF: node {node} detected a failed network connection on network {ip} via interface alt{small}
NIFF: node {node} has detected an available network connection on network {ip} via interface scip{small}
ambient={small}
network link is down on {node}
risBoot command {number}
Server {small} is {word}
""",
    "Thunderbird": r"""
session opened for user {user} by (uid={small})
session closed for user {user}
({user}) CMD (run-parts /etc/cron.hourly)
({user}) CMD (/usr/lib/sa/sa1 {small} {small})
data_thread() got not answer from any [Thunderbird_{word}{small}] datasource
synchronized to {ip}, stratum {small}
DHCPDISCOVER from {mac} via eth{small}
DHCPOFFER on {ip} to {mac} via eth{small}: unknown network segment
DHCPREQUEST for {ip} from {mac} via eth{small}
DHCPACK on {ip} to {mac} via eth{small}
authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost={host}  user=root
Accepted publickey for {user} from ::ffff:{ip} port {number} ssh2
Did not receive identification string from {ip}
Connection closed by ::ffff:{ip}
Received disconnect from {ip}: 11: The user disconnected the application
connection to {ip} refused
Warning: we failed to resolve data source name {tb}
check pass; user unknown
EVENT_TYPE_DEVICE_LINK_DOWN on port {small}
[ib_sm_sweep.c:{number}]: No topology change
[ib_sm_bringup.c:{number}]: Program port state, node={hex}, port= {small}, current state 2, neighbor node={hex}, port= {small}, current state 2
imklog {small}.{small}.{small}, log source = /proc/kmsg started.
Linux version {small}.{small}.{small}-34.EL ({user}@{host}) (gcc version 3.4.{small} {number} (Red Hat 3.4.4-2)) #1 SMP {day} {month} {small} 14:21:56 CDT 2005
CPU{small}: Intel(R) Xeon(TM) CPU 3.60GHz stepping 03
ACPI: LAPIC (acpi_id[0x{small}] lapic_id[0x{small}] enabled)
Adding {number}k swap on /dev/sda{small}.  Priority:-1 extents:1
ACPI: PCI interrupt 0000:{small}:{small}.0[A] -> GSI {small} (level, low) -> IRQ {small}
Losing some ticks... checking if CPU frequency changed.
warning: many lost ticks.
{small} (process {small}) ran out of memory
kernel: Kernel logging (proc) stopped.
xinetd Version 2.3.{small} started with libwrap loadavg options compiled in.
Started working: {small} available services
removing snmpd succeeded
Finished LDAP sync for {user}
lock level {small} acquired by {user} on {tb}
to=<{user}@{host}>, ctladdr={user} (0/0), delay=00:00:{small}, xdelay=00:00:{small}, mailer=relay, pri={number}, relay={host}. [{ip}], dsn=2.0.0, stat=Sent
from={user}, size={number}, class=0, nrcpts=1, msgid=<{number}.{hex8}@{host}>, relay={user}@localhost
NFS: mount {tb}:/home failed, reason given by server: Permission denied
Out of Memory: Killed process {number} ({word}).
""",
    "Windows": r"""
Loaded Servicing Stack v6.1.7601.{number} with Core: C:\Windows\winsxs\amd64_microsoft-windows-servicingstack_{hex8}_6.1.7601.{number}_none_{hex8}\cbscore.dll
Session: {number}_{number} initialized by client WindowsUpdateAgent.
Session: {number}_{number} initialized by client SPP.
Read out cached package applicability for package: {pkg}, ApplicableState: {small}, CurrentState:{small}
Warning: Unrecognized packageExtended attribute.
Expecting attribute name [HRESULT = 0x800f080d - CBS_E_MANIFEST_INVALID_ITEM]
Failed to get next element [HRESULT = 0x800f080d - CBS_E_MANIFEST_INVALID_ITEM]
Failed to internally open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]
SQM: Initializing online with Windows opt-in: False
SQM: Cleaning up report files older than {small} days.
SQM: Requesting upload of all unsent reports.
SQM: Failed to start upload with file pattern: C:\Windows\servicing\sqm\*_std.sqm, flags: 0x2 [HRESULT = 0x80004005 - E_FAIL]
SQM: Queued {small} file(s) for upload with pattern: C:\Windows\servicing\sqm\*_all.sqm, flags: 0x6
Starting TrustedInstaller initialization.
Ending TrustedInstaller initialization.
Starting TrustedInstaller finalization.
Ending TrustedInstaller finalization.
Starting the TrustedInstaller main loop.
TrustedInstaller service starts successfully.
Warning: Failed to create backup log cab. [HRESULT = 0x80070001 - ERROR_INVALID_FUNCTION]
No startup processing required, TrustedInstaller service was not set as autostart, or else a reboot is still pending.
NonStart: Checking to ensure startup processing was not required.
NonStart: Success, startup processing not required as expected.
Startup processing thread terminated normally
{hex8}@2016/9/{small}:20:{small}:53.{small} CSI Transaction @0x{hex4} initialized for deployment engine «{guid}» with flags 00000002 and client id [{small}]"TI6.0_0:0/"
{hex8} Created NT transaction (seq {small}) result 0x00000000, handle @0x{hex4}
{hex8}@2016/9/{small}:20:{small}:53.{small} CSI perf trace:
{hex8} CSI Store {number} (0x{hex8}) initialized
{hex8} IAdvancedInstallerAwareStore_ResolvePendingTransactions (call {small}) (flags = 00000004, progress = NULL, phase = 0, pdwDisposition = @0x{hex4}
{hex8} WcpInitialize (wcp.dll version 0.0.0.6) called (stack @0x{hex8} @0x{hex8} @0x{hex8} @0x{hex8})
Idle processing thread terminated normally
Reboot mark refs incremented to: {small}
Reboot mark refs: {small}
Reboot mark cleared
Disabling LKG boot option
Setting LKG boot option
CBS Engine already deactivated
Scavenge: Begin CSI Store
Scavenge: Completed, disposition: 0X{small}
""",
    "Android": r"""
acquire lock={number}, flags={hex}, tag="View Lock", name={app}, ws=null, uid={number}, pid={number}
release:lock={number}, flg={hex}, tag="View Lock", name={app}", ws=null, uid={number}, pid={number}
ready=true,policy=3,wakefulness=1,wksummary=0x{small},uasummary=0x{small},bootcompleted={bool},boostinprogress={bool},waitmodeenable=false,mode=false,manual={number},auto=-1,adj=0.0userId=0
Skipping AppWindowToken«{hex8} token=Token«{hex8} ActivityRecord«{hex8} u0 {activity} t{small}»»» -- going to hide
printFreezingDisplayLogsopening app wtoken = AppWindowToken«{hex8} token=Token«{hex8} ActivityRecord«{hex8} u0 {activity} t{small}»»», allDrawn= {bool}, startingDisplayed =  {bool}, startingMoved =  {bool}, isRelaunching =  {bool}
userActivityNoUpdateLocked: eventTime={number}, event={small}, flags=0x{small}, uid={number}
HBM brightnessIn ={small}
HBM brightnessOut ={small}
animateCollapsePanels:flags={small}, force={bool}, delayed={bool}, mExpandedVisible={bool}
cancelAutohide
setSystemUiVisibility vis={small} mask={small} oldVal={small} newVal={small} diff={small} fullscreenStackVis={small} dockedStackVis={small}, fullscreenStackBounds=Rect({small}, {small} - {small}, {small}), dockedStackBounds=Rect({small}, {small} - {small}, {small})
getRunningAppProcesses: caller {number} does not hold REAL_GET_TASKS; limiting output
visible is {word}
overlap:{bool}
cleanUpApplicationRecord -- {number}
Killing {number}:{app}/u0a{small} (adj {small}): empty #{small}
Start proc {number}:{app}/u0a{small} for service {activity}
Start proc {number}:{app}/u0a{small} for broadcast {activity}
updateClipping isOverlap:{bool}, getTopPadding={small}.0, Translation={small}.0
Display Power Controller: mDisplayState={small}
setLightsOn({bool})
notifyUiVisibilityChanged:vis=0x{small}, SystemUiVisibility=0x{small}
remove user data, {app}
onScreenTurnedOff
isSreenOn
startAnimation begin
startAnimation end
Destroying surface Surface(name={activity}) called by com.android.server.wm.WindowStateAnimator.destroySurface:{number} com.android.server.wm.WindowState.removeLocked:{number}
Bad activity token: android.os.BinderProxy@{hex8}
""",
    "HealthApp": r"""
onStandStepChanged {number}
onExtend:{number} {small} {small} {small}
getTodayTotalDetailSteps = {number}##{number}##{number}##{small}##{number}##{number}
setTodayTotalDetailSteps={number}##{number}##{number}##{small}##{number}##{number}
calculateCaloriesWithCache totalCalories={number}
calculateAltitudeWithCache totalAltitude={number}
REPORT : {number} {number} {number} {number}
flush sensor data
processHandleBroadcastAction action:android.intent.action.SCREEN_ON
processHandleBroadcastAction action:android.intent.action.SCREEN_OFF
processHandleBroadcastAction action:android.intent.action.TIME_TICK
onReceive action: android.intent.action.SCREEN_ON
onReceive action: android.intent.action.SCREEN_OFF
screen status unknown,think screen on
isScreenOn {bool}
saveHealthDetailData() deviceID = {number},isFromSDK = {bool}
getBinderPackageName packageName = {app}
upLoadOneMinuteDataToEngine time={number},{small},{small},{small},{small}
needAutoSync autoSyncSwitch is open
checkInsertStatus stepStatSum or calorieStatSum is enough
dealStandStep ss = {number}
totalDetailMapSize is {small}
startTimer start autoSync
tryToReloadTodayBasicSteps type is {small}
bulkSaveDetailHiHealthData() size {small} totalTime = {number}
""",
    "Proxifier": r"""
{host}:{small} close, {number} bytes sent, {number} bytes received, lifetime {lifetime}
{host}:{small} close, {number} bytes ({size}) sent, {number} bytes received, lifetime {lifetime}
{host}:{small} close, {number} bytes sent, {number} bytes ({size}) received, lifetime {lifetime}
{host}:{small} close, {number} bytes ({size}) sent, {number} bytes ({size}) received, lifetime {lifetime}
{host}:{small} open through proxy {host}:{small} HTTPS
{host}:{small} open through proxy {host}:{small} SOCKS5
{host}:{small} error : Could not connect through proxy {host}:{small} - Proxy server cannot establish a connection with the target, status code {small}
{host}:{small} error : Could not connect to proxy {host}:{small} - connection attempt failed with error {small}
{host}:{small} error : A connection request was canceled before the completion.
open through proxy {host}:{small} HTTPS
""",
    "Mac": r"""
ARPT: {number}.{number}: AirPort_Brcm43xx::syncPowerState: WWEN[enabled]
ARPT: {number}.{number}: AirPort_Brcm43xx::platformWoWEnable: WWEN[disable]
ARPT: {number}.{number}: wl0: wl_update_tcpkeep_seq: Original Seq: {number}, Ack: {number}, Win size: {number}
ARPT: {number}.{number}: IOPMPowerSource Information: onSleep,  SleepType: Normal Sleep,  'ExternalConnected': Yes, 'TimeRemaining': {small},
AirPort: Link Down on {ld}. Reason {small} (Disassociated because station leaving).
AirPort: Link Up on {ld}
{ld}: BSSID changed to {mac}
{ld}: channel changed to {small}
en0: Received EAPOL packet (length = {small})
en0: SSID '{word}' making interface primary (cache indicates network not captive)
en0: Probing '{word}'
Captive: CNPluginHandler {ld}: Inactive
Captive: [CNInfoNetworkActive:{number}] {ld}: SSID '{word}' making interface primary (cache indicates network not captive)
[HID] [ATC] AppleDeviceManagementHIDEventService::processWakeReason Wake reason: Host (0x0{small})
Wake reason: RTC (Alarm)
Wake reason: EC.LidOpen (User)
PM response took {number} ms ({small}, {word})
tcp_connection_tls_session_error_callback_imp {number} __tcp_connection_tls_session_callback_write_block_invoke.434 error {small}
objc[{number}]: Class TSU{word} is implemented in both {path} ({hex}) and {path} ({hex}). One of the two will be used. Which one is undefined.
Unexpected payload found for message {small}, dataLen {small}
nw_connection_endpoint_report_with_protocol: [{small} {host}:{small} in_progress resolver (satisfied)] reporting state failed error Operation canceled
FA||Url||taskID[{number}] dealloc
Unknown error: {small}, {word} Error Domain=NSURLErrorDomain Code=-{small} "The request timed out."
QQ: DB Error: {small} "no such table: tb_c2cMsg_{number}"
Sandbox: com.apple.Addres({number}) deny(1) network-outbound {path}
Sandbox: QQ({number}) deny(1) mach-lookup com.apple.networking.captivenetworksupport
hibernate image path: {path}
hibernate_page_list_setall(preflight 1) start
hibernate_setup(0) took {small} ms
IOThunderboltSwitch<{small}>(0x{small})::listenerCallback - Thunderbolt HPD packet for route = 0x{small} port = {small} unplug = {small}
USBMSC Identifier (non-unique): {hex8} 0x{hex4} 0x{hex4} 0x{small}, {small}
setDOMWakeReason: Wake reason = {word}
Could not find image for icon {word} in {path}
Bluetooth -- LE is supported - Disable LE meta event
Previous sleep cause: {small}
DSSetLEDBrightness: value = {small}
Sending last known location {word} to {host}
notifyd {word} registered {small} times
""",
}
