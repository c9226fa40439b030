"""Programs on images: residual, dense and inception networks, U-Net, what a network looks at."""

import numpy as np
import pytest

RNG = np.random.default_rng(2)
IMAGES = RNG.uniform(size=(12, 8, 8, 3))
LABELS = RNG.integers(0, 4, 12)
QUIET = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}


def _residual(keras):
    layers = keras.layers

    def block(x, filters, strides=1):
        shortcut = x
        if strides > 1:
            shortcut = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
            shortcut = layers.BatchNormalization()(shortcut)
        x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization()(x))
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(layers.add([x, shortcut]))

    inputs = keras.Input((8, 8, 3))
    x = block(layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs), 4)
    x = layers.GlobalAveragePooling2D()(block(x, 6, strides=2))
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def _inception(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    towers = [
        layers.Conv2D(3, 1, activation="relu")(inputs),
        layers.Conv2D(3, 3, padding="same", activation="relu")(
            layers.Conv2D(2, 1, activation="relu")(inputs)
        ),
        layers.Conv2D(2, 5, padding="same", activation="relu")(
            layers.Conv2D(2, 1, activation="relu")(inputs)
        ),
        layers.Conv2D(2, 1)(layers.MaxPooling2D(3, strides=1, padding="same")(inputs)),
    ]
    x = layers.concatenate(towers, axis=-1)
    x = layers.AveragePooling2D(2)(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


def _dense(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    for _ in range(3):
        grown = layers.ReLU()(layers.BatchNormalization(epsilon=1.001e-5)(x))
        grown = layers.Conv2D(2, 3, padding="same", use_bias=False)(grown)
        x = layers.Concatenate()([x, grown])
    x = layers.AveragePooling2D(2, strides=2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def _depthwise(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(inputs)
    x = layers.Conv2D(4, 3, strides=2, use_bias=False)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    shortcut = x
    x = layers.ReLU(6.0)(layers.Conv2D(8, 1, use_bias=False)(x))
    x = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    x = layers.add([shortcut, layers.Conv2D(4, 1, use_bias=False)(x)])
    x = layers.SeparableConv2D(5, 3, activation="swish")(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = x * layers.Conv2D(5, 1, activation="sigmoid")(squeezed)
    x = layers.GlobalMaxPooling2D()(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


@pytest.mark.parametrize("make", [_residual, _inception, _dense, _depthwise])
def test_a_network_for_images_trains(agree, make):
    def program(keras):
        model = make(keras)
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        history = model.fit(IMAGES, LABELS, validation_split=0.25, **QUIET).history
        return history["loss"], history["val_loss"], model.predict(IMAGES, verbose=0)

    agree(program)


@pytest.mark.parametrize("make", [_residual, _inception, _dense, _depthwise])
def test_a_network_for_images_predicts_as_in_keras(agree_with_keras, start, make):
    def program(keras):
        model = make(keras)
        start(model)
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model.evaluate(IMAGES, LABELS, verbose=0), model.predict(IMAGES, verbose=0)

    agree_with_keras(program, dtype="float32")


def test_a_u_net_marks_each_pixel(agree):
    masks = (IMAGES.mean(-1, keepdims=True) > 0.5).astype("int64")

    def program(keras):
        layers = keras.layers

        def twice(x, filters):
            for _ in range(2):
                x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            return x

        inputs = keras.Input((8, 8, 3))
        first = twice(inputs, 3)
        second = twice(layers.MaxPooling2D()(first), 4)
        x = layers.Dropout(0.3)(twice(layers.MaxPooling2D()(second), 5))
        for skipped, filters in ((second, 4), (first, 3)):
            x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same")(x)
            x = twice(layers.concatenate([x, skipped]), filters)
        model = keras.Model(inputs, layers.Conv2D(2, 1, activation="softmax")(x))

        iou = keras.metrics.MeanIoU(num_classes=2, sparse_y_pred=False)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy", iou])
        history = model.fit(IMAGES, masks, **QUIET).history
        return history["loss"], history["accuracy"], model.predict(IMAGES, verbose=0)

    agree(program)


def _convnet(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="first"),
            layers.MaxPooling2D(2),
            layers.Conv2D(5, 3, activation="relu", name="last", padding="same"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", name="head"),
        ]
    )


def test_where_a_network_looks(agree):
    """Saliency, and Grad-CAM: what of the last convolution moves the score of a class."""

    def program(keras):
        ops = keras.ops
        model = _convnet(keras)
        saliency = keras.grad(lambda x: ops.sum(ops.max(model(x), axis=-1)))(IMAGES[:2])
        saliency = ops.max(ops.abs(saliency), axis=-1)

        features = keras.Model(model.inputs, model.get_layer("last").output)
        code = keras.Input(features.output.shape[1:])
        x = code
        for layer in model.layers[-2:]:
            x = layer(x)
        classifier = keras.Model(code, x)
        found = features(IMAGES[:1])
        slope = keras.grad(lambda f: classifier(f)[0, 2])(found)
        weights = ops.mean(slope, axis=(0, 1, 2))
        cam = ops.relu(ops.sum(found[0] * weights, axis=-1))
        heat = cam / (ops.max(cam) + 1e-9)
        return [ops.convert_to_numpy(x) for x in (saliency, slope, heat)]

    agree(program)


def test_a_dream_is_an_image_that_a_layer_likes(agree):
    def program(keras):
        ops = keras.ops
        model = _convnet(keras)
        outputs = {name: model.get_layer(name).output for name in ("first", "last")}
        extractor = keras.Model(inputs=model.inputs, outputs=outputs)
        settings = {"first": 1.0, "last": 2.0}

        def liked(image):
            features = extractor(image)
            loss = ops.zeros(())
            for name, weight in settings.items():
                activation = features[name]
                loss += weight * ops.mean(ops.square(activation[:, 1:-1, 1:-1, :]))
            return loss

        image, losses = ops.convert_to_tensor(IMAGES[:1]), []
        for _ in range(4):
            loss, slope = keras.value_and_grad(liked)(image)
            image = image + 0.1 * ops.normalize(slope)
            losses.append(float(ops.convert_to_numpy(loss)))
        assert losses == sorted(losses)
        return losses, ops.convert_to_numpy(image)

    agree(program)


def test_a_style_is_carried_over_by_gram_matrices(agree):
    """The image is a Variable, moved by an optimizer; the network stands still."""

    def program(keras):
        ops = keras.ops
        model = _convnet(keras)
        model.trainable = False
        extractor = keras.Model(model.inputs, [layer.output for layer in model.layers[:3]])

        def gram(x):
            x = ops.reshape(ops.transpose(x, (2, 0, 1)), (x.shape[-1], -1))
            return ops.matmul(x, ops.transpose(x))

        image = keras.Variable(IMAGES[:1])

        def loss():
            both = ops.concatenate([image, IMAGES[1:2], IMAGES[2:3]], axis=0)
            total = 0.0
            for features in extractor(both):
                style = ops.mean(ops.square(gram(features[1]) - gram(features[0])))
                total = total + 0.1 * style
            total += ops.mean(ops.square(features[2] - features[0]))
            rough = ops.square(image[:, :-1, :-1] - image[:, 1:, :-1])
            return total + 1e-3 * ops.sum(ops.power(rough + 1e-6, 1.25))

        rate = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=2, decay_rate=0.96)
        optimizer, losses = keras.optimizers.SGD(rate), []
        for _ in range(4):
            value, slopes = keras.gradients(loss, [image])
            optimizer.apply_gradients([(slopes[0], image)])
            losses.append(float(ops.convert_to_numpy(value)))
        assert losses[-1] < losses[0]
        return losses, image.numpy()

    agree(program)


@pytest.mark.filterwarnings("ignore:.*old spelling:DeprecationWarning")
def test_mnist_of_keras_1_with_channels_first(agree):
    def program(keras):
        from deepbasics.layers import (
            Activation,
            Convolution2D,
            Dense,
            Dropout,
            Flatten,
            MaxPooling2D,
        )
        from deepbasics.models import Sequential
        from deepbasics.utils import np_utils

        model = Sequential()
        model.add(
            Convolution2D(4, 3, 3, border_mode="valid", input_shape=(3, 8, 8), dim_ordering="th")
        )
        model.add(Activation("relu"))
        model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering="th"))
        model.add(Dropout(0.25))
        model.add(Flatten())
        model.add(Dense(8, init="he_normal", activation="relu", W_regularizer="l2"))
        model.add(Dense(4))
        model.add(Activation("softmax"))
        model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
        x, y = IMAGES.transpose(0, 3, 1, 2), np_utils.to_categorical(LABELS, 4)
        history = model.fit(
            x, y, batch_size=4, nb_epoch=2, verbose=0, validation_data=(x, y)
        ).history
        score = model.evaluate(x, y, verbose=0)
        return history["loss"], history["val_acc"], score

    agree(program)
