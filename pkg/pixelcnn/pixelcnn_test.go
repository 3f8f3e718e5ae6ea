package pixelcnn
