import com.alibaba.fastjson2.JSON;
import com.alibaba.fastjson2.JSONWriter;
import com.alibaba.otter.canal.connector.core.producer.MQMessageUtils;
import com.alibaba.otter.canal.instance.manager.CanalInstanceWithManager;
import com.alibaba.otter.canal.instance.manager.model.Canal;
import com.alibaba.otter.canal.instance.manager.model.CanalParameter;
import com.alibaba.otter.canal.protocol.ClientIdentity;
import com.alibaba.otter.canal.protocol.FlatMessage;
import com.alibaba.otter.canal.protocol.Message;
import com.alibaba.otter.canal.server.embedded.CanalServerWithEmbedded;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Canal's server within this process: each flat message, as its producer for Kafka makes and writes it, is a line of standard output.
 * Arguments: host, port, user, password, database, and the file and offset of the log to begin at.
 */
public class CanalLines {
    public static void main(String[] arguments) throws Exception {
        String host = arguments[0], user = arguments[2], password = arguments[3], file = arguments[5], offset = arguments[6];
        int port = Integer.parseInt(arguments[1]);
        String tables = arguments[4] + "\\..*";
        CanalParameter parameter = new CanalParameter();
        parameter.setMetaMode(CanalParameter.MetaMode.MEMORY);
        parameter.setIndexMode(CanalParameter.IndexMode.MEMORY);
        parameter.setStorageMode(CanalParameter.StorageMode.MEMORY);
        parameter.setSourcingType(CanalParameter.SourcingType.MYSQL);
        parameter.setDbAddresses(List.of(new InetSocketAddress(host, port)));
        parameter.setDbUsername(user);
        parameter.setDbPassword(password);
        parameter.setSlaveId(40000L + port % 10000);
        parameter.setDetectingEnable(false);
        parameter.setPositions(List.of("{\"journalName\":\"" + file + "\",\"position\":" + offset + "}"));
        parameter.setTsdbEnable(false);
        Canal canal = new Canal();
        canal.setId(1L);
        canal.setName("lines");
        canal.setCanalParameter(parameter);
        CanalServerWithEmbedded server = CanalServerWithEmbedded.instance();
        server.setCanalInstanceGenerator(destination -> new CanalInstanceWithManager(canal, tables));
        server.start();
        server.start("lines");
        ClientIdentity client = new ClientIdentity("lines", (short) 1001, tables);
        server.subscribe(client);
        ThreadPoolExecutor builders = (ThreadPoolExecutor) Executors.newFixedThreadPool(1);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        while (true) {
            Message message = server.getWithoutAck(client, 50, 100L, TimeUnit.MILLISECONDS);
            boolean none = message.getId() == -1;
            if (none || (message.isRaw() ? message.getRawEntries() : message.getEntries()).isEmpty()) {
                if (!none) server.ack(client, message.getId());
                continue;
            }
            for (FlatMessage flat : MQMessageUtils.messageConverter(MQMessageUtils.buildMessageData(message, builders), message.getId())) {
                out.println(JSON.toJSONString(flat, JSONWriter.Feature.WriteNulls));
            }
            server.ack(client, message.getId());
        }
    }
}
