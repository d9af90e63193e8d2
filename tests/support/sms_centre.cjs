// An SMS centre of other hands (npm package smpp): a line of JSON on stdout for each thing it understood.
const smpp = require("smpp");

const say = (said) => console.log(JSON.stringify(said));
const server = smpp.createServer((session) => {
  session.on("error", () => {});
  session.on("bind_transceiver", (pdu) => {
    say({ bound: pdu.system_id, password: pdu.password, version: pdu.interface_version });
    session.send(pdu.response());
  });
  session.on("submit_sm", (pdu) => {
    const { message, udh } = pdu.short_message;
    say({
      to: pdu.destination_addr,
      from: pdu.source_addr,
      numbering: [pdu.source_addr_ton, pdu.source_addr_npi, pdu.dest_addr_ton, pdu.dest_addr_npi],
      text: message,
      header: udh ? udh.map((one) => [...one]) : null,
      reference: pdu.user_message_reference,
    });
    const id = `m${pdu.sequence_number}`;
    session.send(pdu.response({ message_id: id }));
    const receipt = `id:${id} sub:001 dlvrd:001 submit date:2611241200 done date:2611241200 stat:DELIVRD err:000 text:`;
    session.deliver_sm({ source_addr: pdu.destination_addr, esm_class: 4, short_message: receipt });
    session.deliver_sm({ source_addr: pdu.destination_addr, source_addr_ton: 1, short_message: "Stop" }, (answer) =>
      say({ answered: answer.command_status }),
    );
  });
  session.on("unbind", (pdu) => {
    say({ unbound: true });
    session.send(pdu.response());
    session.close();
  });
});
server.listen(0, "127.0.0.1", () => say(server.address()));
